"""What health says of a sensor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class HealthState(StrEnum):
    """State of one sensor.

    ``unknown``: too few readings to tell. ``ok``: nothing found. ``degraded``: something found
    that leaves the readings usable. ``failed``: something found that does not, or silence.
    ``recovering``: the last readings were good, but too few of them.
    """

    UNKNOWN = "unknown"
    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"
    RECOVERING = "recovering"


class Action(StrEnum):
    """What follows from a finding: nothing, a state of degraded, or a state of failed."""

    IGNORE = "ignore"
    WARN = "warn"
    EXCLUDE = "exclude"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault that a detector found.

    Attributes:
        detector: its name, a key of ``DETECTORS``.
        value: what was measured, in ``unit``.
        threshold: the value at which the detector speaks up, in ``unit``.
        unit: of both.
        message: what is wrong, in words.
        remedy: what the user can do about it.
        action: what follows from it.
    """

    detector: str
    value: float
    threshold: float
    unit: str
    message: str
    remedy: str
    action: Action


@dataclass(frozen=True, slots=True)
class Verdict:
    """State of one sensor at one moment, and the findings behind it.

    Attributes:
        sensor: its name.
        state: its state.
        findings: the faults that hold now, in the order of ``DETECTORS``.
        has_data: whether any reading came since the start or the last reset.
    """

    sensor: str
    state: HealthState
    findings: tuple[Finding, ...] = ()
    has_data: bool = True

    @property
    def usable(self) -> bool:
        """Whether the sensor's readings may go into a set's segmentation."""
        if self.state is HealthState.UNKNOWN:
            return self.has_data
        return self.state in (HealthState.OK, HealthState.DEGRADED)
