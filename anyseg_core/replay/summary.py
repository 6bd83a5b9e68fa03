"""The figures of a replay: what ``anyseg replay --json`` writes and the report shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.replay.timeline import fault_figures, finite_or_none, miou, used_spans
from anyseg_core.types import NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anyseg_core.replay.job import JobResult
    from anyseg_core.replay.run import CaseResult
    from anyseg_core.replay.timeline import FrameRow
    from anyseg_core.simulation.faults import Fault


def case_figures(
    result: CaseResult, num_classes: int, expected: int, clean: Sequence[FrameRow] = ()
) -> dict[str, Any]:
    """Return one case's figures as JSON values.

    Args:
        result: of the case.
        num_classes: of the network.
        expected: how many masks there can be: the readings of the first reference sensor.
        clean: what the same sensors gave without faults, if that was replayed.
    """
    rows = result.rows
    faults = [
        fault_figures(rows, fault, num_classes).as_json() | _beside(rows, clean, fault, num_classes)
        for fault in result.case.faults
    ]
    return {
        "name": result.case.name,
        "sensors": list(result.case.sensors),
        "masks": len(rows),
        "masks_sha256": result.masks_sha256,
        "miou": finite_or_none(miou(rows, num_classes)),
        "agreement": float(np.mean(result.agreement)) if result.agreement else None,
        "availability": min(1.0, _usable(rows) / expected) if expected else None,
        "latency_ms": _latency(rows),
        "faults": faults,
        "used": [list(span) for span in used_spans(rows)],
        "refused": {
            sensor: {"count": count, "reason": reason}
            for sensor, (count, reason) in sorted(result.refused.items())
        },
    }


def _beside(
    rows: Sequence[FrameRow], clean: Sequence[FrameRow], fault: Fault, num_classes: int
) -> dict[str, Any]:
    """Return what came out during a fault, and what the same sensors gave then without it."""
    during, without = ([row for row in of if fault.active(row.t_ns)] for of in (rows, clean))
    return {
        "miou_clean": finite_or_none(miou(without, num_classes)),
        "masks_during": _usable(during),
        "masks_clean": _usable(without) if clean else None,
    }


def _usable(rows: Sequence[FrameRow]) -> int:
    """Return how many masks were made from at least one sensor."""
    return sum(row.letters != "-" for row in rows)


def _latency(rows: Sequence[FrameRow]) -> dict[str, float] | None:
    """Return the median and the 95th percentile in ms; None without a mask."""
    if not rows:
        return None
    p50, p95 = np.percentile([row.latency_ns for row in rows], [50, 95]) / NS_PER_MS
    return {"p50": float(p50), "p95": float(p95)}


def replay_figures(
    results: Sequence[CaseResult],
    main: str,
    num_classes: int,
    expected: int,
    problems: Sequence[str],
) -> dict[str, Any]:
    """Return a replay's figures: those of its main case on top, then every case's.

    Args:
        results: of all cases.
        main: name of the case that the user asked for.
        num_classes: of the network.
        expected: see ``case_figures``.
        problems: what could not be read.
    """
    clean = {one.case.sensors: one.rows for one in results if not one.case.faults}
    cases = [
        case_figures(result, num_classes, expected, clean.get(result.case.sensors, ()))
        for result in results
    ]
    top = next(case for case in cases if case["name"] == main)
    kept = ("masks", "masks_sha256", "miou", "agreement", "availability", "latency_ms", "faults")
    return {
        "case": main,
        **{key: top[key] for key in (*kept, "used")},
        "problems": list(problems),
        "cases": cases,
    }


def expected_masks(
    counts: Mapping[str, int], roles: Mapping[str, str], order: Sequence[str]
) -> int:
    """Return how many readings the first reference sensor of a recording has."""
    first = next(name for name in order if name in roles)
    return counts.get(roles[first], 0)


def machine_figures(
    jobs: Sequence[JobResult], bag_s: float, machine: Mapping[str, object]
) -> dict[str, Any]:
    """Return the figures that depend on the machine."""
    network_s, total_s = sum(job.network_s for job in jobs), sum(job.total_s for job in jobs)
    return {
        **machine,
        "runtime": jobs[0].description,
        "network_s": network_s,
        "network_calls": sum(job.network_calls for job in jobs),
        "total_s": total_s,
        "overhead_share": total_s / network_s - 1.0 if network_s else None,
        "times_real_time": bag_s / total_s if total_s else None,
    }
