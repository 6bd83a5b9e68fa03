"""Configuration of the pipeline: defaults in code, validated as a whole before anything runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from anyseg_core.errors import ConfigurationError
from anyseg_core.health import Action, HealthConfig, SensorHealthConfig, Thresholds
from anyseg_core.types import EVENT_REPRESENTATIONS, MODALITIES, NS_PER_S, EventRepresentation

if TYPE_CHECKING:
    from collections.abc import Mapping


def seconds_to_ns(seconds: float) -> int:
    """Return ``seconds`` as integer nanoseconds."""
    return round(seconds * NS_PER_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorConfig:
    """How one sensor's readings are matched in time and brought into the image plane.

    Attributes:
        mode: ``nearest`` takes one reading, ``window`` all readings of the last ``window_ns``.
        tolerance_ns: farthest that a reading's stamp may lie from the reference's.
        timeout_ns: a sensor silent for this long is stale and no longer waited for.
        offset_ns: added to the sensor's stamps: a known constant delay of its clock.
        window_ns: length of the window, for ``window`` sensors.
        aligned: the readings are already in the reference camera's image plane, so that no
            calibration of their own is needed. Never assumed: where it is False and the frame
            differs from the camera's, a missing calibration leaves the sensor out.
    """

    mode: Literal["nearest", "window"] = "nearest"
    tolerance_ns: int = 50_000_000
    timeout_ns: int = 500_000_000
    offset_ns: int = 0
    window_ns: int = 0
    aligned: bool = False


def default_sensors() -> dict[str, SensorConfig]:
    """Return the four modalities with defaults that suit 10 to 30 Hz cameras and a 10 Hz LiDAR."""
    sensors = {name: SensorConfig() for name in MODALITIES}
    sensors["event"] = SensorConfig(mode="window", window_ns=50_000_000)
    sensors["lidar"] = SensorConfig(tolerance_ns=60_000_000)
    return sensors


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineConfig:
    """Everything that the pipeline needs besides the network.

    Attributes:
        sensors: by modality; only those named here are gathered.
        reference_order: whose stamps the sets carry: the first live one of these.
        max_wait_ns: longest that a set waits for sensors that are alive but late.
        max_stamp_age_ns: readings stamped longer ago than this are refused: another clock made
            the stamp (the bounds are those of diagnostic_updater's TimeStampStatus).
        max_stamp_lead_ns: readings stamped further in the future than this are refused.
        input_width: columns of the tensors that the network sees, in pixels.
        input_height: rows of the tensors that the network sees, in pixels.
        min_range_m: LiDAR points nearer than this are dropped (the vehicle itself; MUSES: 1 m).
        deskew: whether sweeps are moved to where they would be at the frame's instant, by the time
            of each point and the robot's motion.
        event_representation: what the three channels of event images hold; it must be what the
            network was trained with.
        thresholds: where the health detectors speak up.
        actions: by sensor and detector, what follows from a finding instead of the default.

    Raises:
        ConfigurationError: a value out of its range, or a name that is no modality.
    """

    sensors: Mapping[str, SensorConfig] = field(default_factory=default_sensors)
    reference_order: tuple[str, ...] = MODALITIES
    max_wait_ns: int = 60_000_000
    max_stamp_age_ns: int = 5_000_000_000
    max_stamp_lead_ns: int = 1_000_000_000
    input_width: int = 256
    input_height: int = 256
    min_range_m: float = 1.0
    deskew: bool = False
    event_representation: EventRepresentation = "polarity_counts"
    thresholds: Thresholds = field(default_factory=Thresholds)
    actions: Mapping[str, Mapping[str, Action]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.sensors) - set(MODALITIES))
        if unknown or not self.sensors:
            raise ConfigurationError(
                f"sensors {sorted(self.sensors)}",
                f"one or more of {', '.join(MODALITIES)}",
                "name the sensors by their modality",
            )
        for name in ("input_width", "input_height"):
            size = getattr(self, name)
            if not 32 <= size <= 4096:
                raise ConfigurationError(
                    f"{name} = {size}", "32 to 4096 pixels", "set the size the network sees"
                )
        if self.event_representation not in EVENT_REPRESENTATIONS:
            raise ConfigurationError(
                f"event_representation = {self.event_representation!r}",
                f"one of {', '.join(EVENT_REPRESENTATIONS)}",
                "name what the network was trained with",
            )
        if not self.min_range_m >= 0:
            raise ConfigurationError(
                f"min_range_m = {self.min_range_m}", "0 or more", "give the range in metres"
            )

    def health(self) -> HealthConfig:
        """Return the health configuration: the sensors' own timeouts, one set of thresholds."""
        return HealthConfig(
            {
                name: SensorHealthConfig(
                    name,
                    timeout_ns=sensor.timeout_ns,
                    actions=self.actions.get(name, {}),
                    thresholds=self.thresholds,
                )
                for name, sensor in self.sensors.items()
            }
        )
