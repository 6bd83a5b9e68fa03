"""What can go wrong with a sensor, and when."""

from __future__ import annotations

import re
from dataclasses import dataclass

from anyseg_core.errors import ConfigurationError
from anyseg_core.types import MODALITIES

_ALL = MODALITIES

KINDS: dict[str, tuple[str, ...]] = {
    "motion_blur": ("rgb",),
    "over_exposure": ("rgb",),
    "under_exposure": ("rgb",),
    "lidar_jitter": ("lidar",),
    "event_low_resolution": ("event",),
    "dropout": _ALL,
    "freeze": _ALL,
    "delay": _ALL,
    "rate_drop": _ALL,
    "stamp_jump": _ALL,
    "black": ("rgb", "depth", "event"),
    "noise": _ALL,
    "fog": ("rgb", "depth", "lidar"),
    "blocked_region": ("rgb", "depth", "event"),
    "lost_sector": ("lidar",),
    "lost_rings": ("lidar",),
    "hot_pixels": ("rgb", "event"),
    "wrong_extrinsic": ("lidar",),
    "packet_loss": _ALL,
    "truncated_payload": ("event", "lidar"),
}
"""Every kind of fault and the sensors that it can befall; the first five are DELIVER's."""

_TEXT = re.compile(r"([^:@]+):([^:@]+)@(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one sensor from ``start_ns`` up to but not including ``end_ns``.

    Attributes:
        sensor: one of ``types.MODALITIES``.
        kind: one of ``KINDS``.
        start_ns: time since the start of the run.
        end_ns: the same, or None for a fault that stays.
        severity: above 0, at most 1, the default: a fault that nobody would overlook.

    Raises:
        ConfigurationError: if a value makes no sense, or the sensor cannot have such a fault.
    """

    sensor: str
    kind: str
    start_ns: int
    end_ns: int | None = None
    severity: float = 1.0

    def __post_init__(self) -> None:
        """Check every value."""
        if self.sensor not in MODALITIES:
            raise ConfigurationError(
                f"a fault of sensor {self.sensor!r}", f"one of {', '.join(MODALITIES)}", "name one"
            )
        allowed = [kind for kind, sensors in KINDS.items() if self.sensor in sensors]
        if self.kind not in allowed:
            raise ConfigurationError(
                f"fault {self.kind!r} of sensor {self.sensor}",
                f"one of {', '.join(allowed)}",
                "choose a kind that this sensor can have",
            )
        if self.start_ns < 0 or (self.end_ns is not None and self.end_ns <= self.start_ns):
            raise ConfigurationError(
                f"a fault from {self.start_ns} to {self.end_ns} ns",
                "0 <= start < end",
                "correct the times",
            )
        if not 0.0 < self.severity <= 1.0:
            raise ConfigurationError(
                f"severity {self.severity}", "above 0 and at most 1", "correct the severity"
            )

    def active(self, t_ns: int) -> bool:
        """Return whether the fault is there at a time since the start of the run."""
        return self.start_ns <= t_ns and (self.end_ns is None or t_ns < self.end_ns)


def parse_fault(text: str) -> Fault:
    """Return the fault of ``SENSOR:KIND@START[-END]``, seconds since the start of the run.

    For example ``rgb:black@3.0-5.5``.

    Raises:
        ConfigurationError: if the text has another form, or names what does not exist.
    """
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise ConfigurationError(
            f"fault {text!r}",
            f"SENSOR:KIND@START[-END] in seconds, SENSOR one of {', '.join(MODALITIES)}, "
            f"KIND one of {', '.join(KINDS)}",
            "write it like rgb:black@3.0-5.5",
        )
    sensor, kind, start, end = match.groups()
    return Fault(sensor, kind, _nanoseconds(start), None if end is None else _nanoseconds(end))


def _nanoseconds(seconds: str) -> int:
    """Return decimal seconds as nanoseconds, without the rounding of binary fractions."""
    whole, _, fraction = seconds.partition(".")
    return int(whole) * 1_000_000_000 + int((fraction + "0" * 9)[:9])
