"""A campaign of faults within sets of sensors, as tables that a person can read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anyseg_core.segmentation import subset_letters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FaultCell:
    """One fault within one set of sensors.

    Attributes:
        score: mIoU during the fault, 0..1, None where no mask could be scored; without any truth
            the case's agreement.
        change: by how much that differs from the same sensors' without the fault.
        masks: how many masks there were during the fault, as a share of those without it.
        delay_ms: from the fault's start until it was noticed; None where it never was.
    """

    score: float | None
    change: float | None
    masks: float | None
    delay_ms: float | None


@dataclass(frozen=True, slots=True)
class FaultTable:
    """The faults of one sensor.

    Attributes:
        sensor: the one that is hit.
        letters: the sets of sensors, in the papers' letters, all of them first.
        clean: the score of each set without a fault.
        rows: kind of fault, and its cell in each of the sets; None where it was not tried.
    """

    sensor: str
    letters: tuple[str, ...]
    clean: tuple[float | None, ...]
    rows: tuple[tuple[str, tuple[FaultCell | None, ...]], ...]


def fault_tables(cases: Sequence[Figures]) -> list[FaultTable]:
    """Return a table for each sensor whose faults were tried within several sets of sensors.

    Args:
        cases: as ``replay_figures`` has them.
    """
    single = [case for case in cases if len(case["faults"]) == 1]
    references = _references(cases)
    tables = []
    for sensor in dict.fromkeys(case["faults"][0]["sensor"] for case in single):
        own = [case for case in single if case["faults"][0]["sensor"] == sensor]
        table = _table(sensor, own, references)
        if len(table.letters) > 1:
            tables.append(table)
    return tables


def costliest(cases: Sequence[Figures], count: int) -> list[str]:
    """Return the names of the cases with all sensors that lost the most by their one fault."""
    most = max(len(case["sensors"]) for case in cases)
    references = _references(cases)
    changes = {
        case["name"]: _cell(case, references).change or 0.0
        for case in cases
        if len(case["faults"]) == 1 and len(case["sensors"]) == most
    }
    return sorted(changes, key=lambda name: changes[name])[:count]


def _references(cases: Sequence[Figures]) -> Mapping[tuple[str, ...], float] | None:
    """Return, without truth, the agreement of each set of sensors without faults."""
    if any(case["miou"] is not None for case in cases):
        return None
    return {
        tuple(case["sensors"]): 1.0 if case["agreement"] is None else case["agreement"]
        for case in cases
        if not case["faults"]
    }


def _table(
    sensor: str, cases: Sequence[Figures], references: Mapping[tuple[str, ...], float] | None
) -> FaultTable:
    sets = sorted({tuple(case["sensors"]) for case in cases}, key=lambda one: (-len(one), one))
    cells: dict[str, dict[tuple[str, ...], FaultCell]] = {}
    clean: dict[tuple[str, ...], float | None] = {}
    for case in cases:
        sensors, fault = tuple(case["sensors"]), case["faults"][0]
        cells.setdefault(fault["kind"], {})[sensors] = _cell(case, references)
        clean[sensors] = _clean(case, references)
    return FaultTable(
        sensor,
        tuple(subset_letters(one) for one in sets),
        tuple(clean[one] for one in sets),
        tuple((kind, tuple(row.get(one) for one in sets)) for kind, row in cells.items()),
    )


def _cell(case: Figures, references: Mapping[tuple[str, ...], float] | None) -> FaultCell:
    fault = case["faults"][0]
    score = fault["miou_during"] if references is None else case["agreement"]
    clean = _clean(case, references)
    return FaultCell(
        score,
        None if score is None or clean is None else score - clean,
        fault["masks_during"] / fault["masks_clean"] if fault["masks_clean"] else None,
        fault["detection_delay_ms"],
    )


def _clean(case: Figures, references: Mapping[tuple[str, ...], float] | None) -> float | None:
    """Return what a case's sensors reach without its fault: mIoU, or agreement without truth."""
    if references is not None:
        return references.get(tuple(case["sensors"]))
    clean: float | None = case["faults"][0]["miou_clean"]
    return clean
