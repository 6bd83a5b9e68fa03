"""A stream's period, learned from its stamps."""

from __future__ import annotations

from collections import deque

REMEMBERED_INTERVALS = 16
"""Enough that the median outvotes lost messages, few enough to follow a change of rate."""

SURE_INTERVALS = 8
"""Fewer intervals than this are not trusted with the decision not to wait."""

MAX_STEPS = 3
"""A prediction further ahead than so many periods has lost the phase."""


class PeriodEstimator:
    """Median of the last intervals between stamps, with the jitter around it."""

    __slots__ = ("_intervals", "_learned")

    def __init__(self) -> None:
        self._intervals: deque[int] = deque(maxlen=REMEMBERED_INTERVALS)
        self._learned: tuple[int, int] | None = None

    def add(self, interval_ns: int) -> None:
        """Learn from the time between two successive stamps."""
        self._intervals.append(interval_ns)
        self._learned = None

    @property
    def period_ns(self) -> int | None:
        """Median interval, or None before there are two."""
        return self._learn()[0] if len(self._intervals) >= 2 else None

    def may_fall_within(self, newest_ns: int, low_ns: int, high_ns: int) -> bool:
        """Tell whether a stamp after ``newest_ns`` may fall into [``low_ns``, ``high_ns``].

        True wherever the rhythm is not known well enough to rule it out. The margin is twice the
        jitter seen (both ends of an interval have it) and a tenth of the period.
        """
        if len(self._intervals) < SURE_INTERVALS:
            return True
        period, jitter = self._learn()
        margin = 2 * jitter + period // 10
        steps = max(1, -(-(low_ns - margin - newest_ns) // period))
        return steps > MAX_STEPS or newest_ns + steps * period <= high_ns + margin

    def _learn(self) -> tuple[int, int]:
        if self._learned is None:
            ordered = sorted(self._intervals)
            period = ordered[len(ordered) // 2]
            # A lost message makes an interval of two periods, which is no jitter.
            jitter = max(abs(i - max(1, round(i / period)) * period) for i in ordered)
            self._learned = (period, jitter)
        return self._learned
