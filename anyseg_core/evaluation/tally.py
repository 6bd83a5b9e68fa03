"""What one pass over the data counts: enough for every table."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from anyseg_core.data.deliver import FAILURES
from anyseg_core.metrics import Calibration, ConfusionMatrix

if TYPE_CHECKING:
    from anyseg_core.evaluation.subsets import Subset


class Cell(NamedTuple):
    """What is counted apart: a subset of modalities under one condition and failure case."""

    subset: Subset
    condition: str
    failure: str


class Tally:
    """One confusion matrix and one calibration for every subset, condition and failure case.

    Args:
        num_classes: K.
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self._cells: dict[Cell, tuple[ConfusionMatrix, Calibration]] = {}

    def add(self, cell: Cell, matrix: ConfusionMatrix, calibration: Calibration) -> None:
        """Add what was counted of one image or of many."""
        fresh = (ConfusionMatrix(self.num_classes), Calibration())
        own_matrix, own_calibration = self._cells.setdefault(cell, fresh)
        own_matrix += matrix
        own_calibration += calibration

    def __iadd__(self, other: Tally) -> Self:
        for cell, (matrix, calibration) in other._cells.items():
            self.add(cell, matrix, calibration)
        return self

    def conditions(self) -> tuple[str, ...]:
        """Return the conditions counted, in alphabetical order; without the empty one."""
        return tuple(sorted({cell.condition for cell in self._cells} - {""}))

    def failures(self) -> tuple[str, ...]:
        """Return the failure cases counted, DELIVER's in its order; without the normal one."""
        found = {cell.failure for cell in self._cells} - {""}
        return (*(case for case in FAILURES if case in found), *sorted(found - set(FAILURES)))

    def total(
        self, subset: Subset, condition: str | None = None, failure: str | None = None
    ) -> tuple[ConfusionMatrix, Calibration]:
        """Return the sum over all cells of a subset, of one condition or failure case if given."""
        matrix, calibration = ConfusionMatrix(self.num_classes), Calibration()
        for cell, (part, levels) in self._cells.items():
            asked = condition in {None, cell.condition} and failure in {None, cell.failure}
            if cell.subset == subset and asked:
                matrix += part
                calibration += levels
        return matrix, calibration
