"""What is usual for a stream, learned on the stream itself."""

from __future__ import annotations

LEARNING_READINGS = 10
"""Good readings until a baseline counts as known: 1 s of the slowest sensor, a LiDAR at 10 Hz."""


class Baseline:
    """Running mean of a measured value: plain over the first readings, then exponential.

    Args:
        rate: weight of a good reading once the baseline is known.
        rate_in_fault: weight of a reading that looks faulty against the baseline. Above zero, a
            lasting change (a tunnel, the end of a hall) becomes the usual after a while.
    """

    __slots__ = ("_count", "_mean", "_rate", "_rate_in_fault")

    def __init__(self, rate: float, rate_in_fault: float = 0.0) -> None:
        self._rate = rate
        self._rate_in_fault = rate_in_fault
        self._mean = 0.0
        self._count = 0

    @property
    def value(self) -> float | None:
        """The usual value, or None while it is not known."""
        return self._mean if self._count >= LEARNING_READINGS else None

    def learn(self, value: float, *, in_fault: bool) -> None:
        """Take one more reading into account."""
        if in_fault:
            rate = self._rate_in_fault
        else:
            self._count = min(self._count + 1, LEARNING_READINGS + 1)
            known = self._count > LEARNING_READINGS
            rate = self._rate if known else 1.0 / self._count
        self._mean += rate * (value - self._mean)
