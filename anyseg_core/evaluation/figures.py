"""The figures of an evaluation as JSON values, in percent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.errors import ConfigurationError
from anyseg_core.evaluation.subsets import subset_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anyseg_core.classes import ClassSet
    from anyseg_core.evaluation.scoring import Plan
    from anyseg_core.evaluation.tally import Tally
    from anyseg_core.metrics import Calibration, ConfusionMatrix, Scores

PROTOCOLS = ("mss", "miss", "sensor")
"""Multi-modal; system-level modality-incomplete: all subsets; sensor-level: by condition and
failure case. The names are those of Any2Seg, section 4.1."""

MEANS = ("miou", "miou_present", "f1", "f1_present", "accuracy", "mean_accuracy")
"""The fields of ``Scores`` that stand for a whole table cell."""


def figures(plan: Plan, tally: Tally, protocol: str) -> dict[str, Any]:
    """Return the scores of an evaluation.

    ``subsets`` has them by subset, each with its classes, conditions, failure cases and
    calibration. The full set's stand at the top as well. ``mean``, ``top1`` and ``last1`` are the
    mean, best and worst mIoU (absent classes as 0) over the subsets, and with ``sensor`` over the
    conditions and failure cases, as in Any2Seg's Table 4; ``..._present`` are the same of
    ``miou_present``. A figure that does not exist is None.

    Raises:
        ConfigurationError: ``sensor`` on data without conditions and failure cases.
    """
    every = plan.subsets[-1]
    classes = plan.classes.classes
    subsets = {
        subset_name(subset, every): _subset(tally, subset, classes) for subset in plan.subsets
    }
    full = subsets[subset_name(every, every)]
    columns = subsets
    if protocol == "sensor":
        columns = {**full["conditions"], **full["failures"]}
        if not columns:
            raise ConfigurationError(
                f"{plan.dataset.name}, which names no conditions and no failure cases",
                "data that do, for the protocol sensor",
                "choose the protocol mss or miss",
            )
    return {"protocol": protocol, "unit": "percent", **full, **_summary(columns),
            "subsets": subsets}  # fmt: skip


def _summary(columns: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    summary: dict[str, Any] = {}
    for ending, key in (("", "miou"), ("_present", "miou_present")):
        values = {name: column[key] for name, column in columns.items() if column[key] is not None}
        best = max(values, key=values.__getitem__, default=None)
        worst = min(values, key=values.__getitem__, default=None)
        summary |= {
            f"mean{ending}": math.fsum(values.values()) / len(values) if values else None,
            f"top1{ending}": None if best is None else values[best],
            f"last1{ending}": None if worst is None else values[worst],
            f"top1{ending}_of": best,
            f"last1{ending}_of": worst,
        }
    return summary


def _subset(tally: Tally, subset: tuple[str, ...], classes: ClassSet) -> dict[str, Any]:
    matrix, calibration = tally.total(subset)
    scores = matrix.scores()
    return {
        **_means(scores),
        "calibration_error": _percent(calibration.reliability().error),
        "reliability": _reliability(calibration),
        "classes": _classes(matrix, scores, classes),
        "conditions": {
            name: _column(*tally.total(subset, condition=name)) for name in tally.conditions()
        },
        "failures": {
            name: _column(*tally.total(subset, failure=name)) for name in tally.failures()
        },
    }


def _column(matrix: ConfusionMatrix, calibration: Calibration) -> dict[str, Any]:
    error = _percent(calibration.reliability().error)
    return {**_means(matrix.scores()), "calibration_error": error}


def _means(scores: Scores) -> dict[str, Any]:
    return {name: _percent(getattr(scores, name)) for name in MEANS} | {"pixels": scores.pixels}


def _classes(matrix: ConfusionMatrix, scores: Scores, classes: ClassSet) -> dict[str, Any]:
    true = matrix.counts.sum(1)
    return {
        name: {
            "iou": _percent(scores.iou[i]),
            "f1": _percent(scores.f1_of_class[i]),
            "accuracy": _percent(scores.recall[i]),
            "pixels": int(true[i]),
        }
        for i, name in enumerate(classes.names)
    }


def _reliability(calibration: Calibration) -> dict[str, Any]:
    found = calibration.reliability()
    return {
        "edges": _percents(found.edges),
        "pixels": found.pixels.tolist(),
        "confidence": _percents(found.confidence),
        "accuracy": _percents(found.accuracy),
    }


def _percents(values: Sequence[float] | np.ndarray) -> list[float | None]:
    return [_percent(value) for value in values]


def _percent(value: float) -> float | None:
    return None if np.isnan(value) else 100.0 * float(value)
