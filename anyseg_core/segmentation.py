"""What the pipeline makes of one instant: which readings, what became of each sensor, the mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyseg_core.types import MODALITY_LETTERS, RgbRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from anyseg_core.errors import AnysegError
    from anyseg_core.health import Verdict
    from anyseg_core.sync import FrameSet, Reading
    from anyseg_core.types import UInt8Array


@dataclass(frozen=True, slots=True)
class Frame:
    """One instant: the readings that go together, and what is thought of each sensor.

    ``gathered_ns`` is the time at which the set was complete.
    """

    readings: FrameSet
    verdicts: Mapping[str, Verdict]
    gathered_ns: int


@dataclass(frozen=True, slots=True)
class SensorReport:
    """What became of one sensor in one frame.

    Attributes:
        sensor: its name.
        used: whether the network saw it.
        reason: why it was left out, in words; empty where it was used.
        skew_ns: its stamp minus the reference's; None without a reading.
        age_ns: time from its stamp until the set was complete; None without a reading.
        verdict: what the health monitor thinks of the sensor.
        error: what went wrong where the reading was there and sound but could not be projected.
    """

    sensor: str
    used: bool
    reason: str
    skew_ns: int | None
    age_ns: int | None
    verdict: Verdict
    error: AnysegError | None


@dataclass(frozen=True, slots=True)
class Segmentation:
    """One segmented instant.

    Attributes:
        stamp_ns: the reference reading's stamp.
        reference: name of the sensor whose stamp that is.
        frame_id: the camera's optical frame, in whose image plane the mask lies.
        labels: uint8 [H, W], class ids; 255 everywhere when no sensor could be used.
        confidence: uint8 [H, W], 0..255.
        weights: the fusion's weight of each modality that the network saw.
        sensors: one report per configured sensor.
        frame: the readings that it came from.
    """

    stamp_ns: int
    reference: str
    frame_id: str
    labels: UInt8Array
    confidence: UInt8Array
    weights: Mapping[str, float]
    sensors: tuple[SensorReport, ...]
    frame: Frame

    @property
    def used(self) -> tuple[str, ...]:
        """The sensors that the network saw, in the papers' order."""
        return tuple(report.sensor for report in self.sensors if report.used)

    @property
    def rgb_image(self) -> UInt8Array | None:
        """The RGB image of this instant, uint8 [H, W, 3]; None where there is none."""
        reading = self.frame.readings.readings.get("rgb")
        record = None if reading is None else latest(reading).payload
        return record.image if isinstance(record, RgbRecord) else None


def subset_letters(modalities: Iterable[str]) -> str:
    """Return a subset in the papers' letters and order: ``RDEL`` for all four, ``-`` for none."""
    present = set(modalities)
    return "".join(MODALITY_LETTERS[name] for name in MODALITY_LETTERS if name in present) or "-"


def latest(reading: Reading | tuple[Reading, ...]) -> Reading:
    """Return a sensor's newest reading of an instant: a window's last one."""
    return reading[-1] if isinstance(reading, tuple) else reading
