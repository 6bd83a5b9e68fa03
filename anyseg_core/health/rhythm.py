"""Faults that the rhythm of the stamps tells: readings too seldom, unevenly, or not all there."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from anyseg_core.health.baseline import Baseline
from anyseg_core.health.detectors import finding

if TYPE_CHECKING:
    from anyseg_core.health.config import Thresholds
    from anyseg_core.health.inspector import Results
    from anyseg_core.health.verdict import Finding

WINDOW = 10
"""Intervals that are judged together: 1 s of a LiDAR at 10 Hz."""

RECENT = 5
"""Of these the newest whose median is the present period; one gap does not move it."""

MOST_MISSED = 3
"""More readings than this are not counted as missed in one gap: that gap was a silence."""

_REMEDY = "check the sensor's rate, the load of the computer, the network and the QoS depth"


def check_low_rate(period_ns: float, usual_period_ns: float, min_ratio: float) -> Finding | None:
    """Find a rate below ``min_ratio`` of the usual one."""
    rate_hz, usual_hz = 1e9 / period_ns, 1e9 / usual_period_ns
    if rate_hz >= min_ratio * usual_hz:
        return None
    return finding(
        "low_rate",
        rate_hz,
        min_ratio * usual_hz,
        unit="Hz",
        message=f"{rate_hz:.3g} Hz, usually {usual_hz:.3g} Hz",
        remedy=_REMEDY,
    )


def check_high_jitter(jitter: float, max_jitter: float) -> Finding | None:
    """Find intervals that differ; ``jitter`` is their median deviation as a share of a period."""
    if jitter <= max_jitter:
        return None
    return finding(
        "high_jitter",
        jitter,
        max_jitter,
        unit="share of a period",
        message=f"the time between readings varies by {jitter:.0%}",
        remedy=_REMEDY,
    )


def check_lost_readings(share: float, max_share: float) -> Finding | None:
    """Find gaps of whole periods; ``share`` is that of the readings expected and missing."""
    if share <= max_share:
        return None
    return finding(
        "lost_readings",
        share,
        max_share,
        unit="share of readings",
        message=f"{share:.0%} of the readings are missing",
        remedy=_REMEDY,
    )


def measure_jitter(intervals_ns: list[int]) -> float:
    """Return the median deviation of the intervals from their median, as a share of it."""
    median = _median(intervals_ns)
    return _median([abs(i - median) for i in intervals_ns]) / median


def measure_missing(intervals_ns: list[int], period_ns: float) -> float:
    """Return the share of the readings of so many periods that did not come."""
    missed = sum(min(MOST_MISSED, max(1, round(i / period_ns)) - 1) for i in intervals_ns)
    return missed / (missed + len(intervals_ns))


def _median(values: list[int]) -> int:
    return sorted(values)[len(values) // 2]


class Rhythm:
    """The detectors of rate and jitter, with the period that is usual for the stream."""

    __slots__ = ("_intervals", "_period", "_thresholds")

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._period = Baseline(rate=0.02, rate_in_fault=0.01)
        self._intervals: deque[int] = deque(maxlen=WINDOW)

    def inspect(self, step_ns: int) -> Results:
        """Look at the time from one stamp to the next; those that do not rise say nothing here."""
        if step_ns <= 0:
            return {}
        self._intervals.append(step_ns)
        if len(self._intervals) < WINDOW:
            return {}
        intervals, limits = list(self._intervals), self._thresholds
        period = max(1, _median(intervals[-RECENT:]))
        usual = self._period.value or period
        slow = check_low_rate(period, usual, limits.low_rate_ratio)
        self._period.learn(period, in_fault=slow is not None)
        return {
            "low_rate": slow,
            "high_jitter": check_high_jitter(measure_jitter(intervals), limits.high_jitter_share),
            "lost_readings": check_lost_readings(
                measure_missing(intervals, usual), limits.lost_readings_share
            ),
        }
