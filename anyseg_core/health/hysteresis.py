"""Hysteresis: a fault is believed after some bad readings and over after some good ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyseg_core.health.verdict import Finding


class Latch:
    """Holds one detector's fault from the last of n bad readings to the last of m good ones.

    Attributes:
        finding: the latest finding while the fault is believed, else None.
        good: good readings in a row since the last bad one.
    """

    __slots__ = ("_bad", "_bad_needed", "_good_needed", "finding", "good")

    def __init__(self, bad_needed: int, good_needed: int) -> None:
        self._bad_needed = bad_needed
        self._good_needed = good_needed
        self._bad = 0
        self.good = 0
        self.finding: Finding | None = None

    def update(self, finding: Finding | None) -> None:
        """Take the result of one reading: a finding where it was bad, None where it was good."""
        if finding is None:
            self._bad = 0
            self.good += 1
            if self.good >= self._good_needed:
                self.finding = None
            return
        self.good = 0
        self._bad += 1
        if self._bad >= self._bad_needed or self.finding is not None:
            self.finding = finding
