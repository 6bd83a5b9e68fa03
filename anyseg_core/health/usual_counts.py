"""Counts by bin (sector, ring, cell of an image) and what is usual for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.health.baseline import LEARNING_READINGS

if TYPE_CHECKING:
    from anyseg_core.types import BoolArray, Float64Array


class UsualCounts:
    """Counts per bin, learned on the stream.

    Args:
        least: a bin that usually holds fewer tells nothing when it holds none.
    """

    __slots__ = ("_least", "_readings", "_usual")

    def __init__(self, least: float) -> None:
        self._least = least
        self._usual: Float64Array | None = None
        self._readings = 0

    def missing(self, counts: Float64Array, min_ratio: float) -> tuple[BoolArray, BoolArray]:
        """Return which bins usually hold enough to tell, and which of these hold next to none."""
        if self._usual is None or self._readings < LEARNING_READINGS:
            nothing = np.zeros(len(counts), bool)
            return nothing, nothing
        known = self._usual >= self._least
        return known, known & (counts < min_ratio * self._usual)

    def learn(self, counts: Float64Array, *, in_fault: bool) -> None:
        """Take one more reading into account; slowly while it looks faulty."""
        if self._usual is None:
            self._usual = counts.copy()
            return
        self._readings += not in_fault
        rate = 0.005 if in_fault else max(0.05, 1.0 / (self._readings + 1))
        self._usual += rate * (counts - self._usual)
