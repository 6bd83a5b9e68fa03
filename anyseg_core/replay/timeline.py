"""What happened in one replay, frame by frame, and the figures read off it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.health import HealthState
from anyseg_core.metrics import ConfusionMatrix
from anyseg_core.segmentation import subset_letters
from anyseg_core.types import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyseg_core.segmentation import Segmentation, SensorReport
    from anyseg_core.simulation.faults import Fault
    from anyseg_core.types import UInt8Array

_TROUBLED = (HealthState.DEGRADED, HealthState.FAILED)


@dataclass(frozen=True, slots=True)
class SensorMoment:
    """One sensor in one frame.

    Attributes:
        used: whether the network saw it.
        suspected: whether its health was in doubt.
        reason: why it was not used; empty where it was.
        skew_ns: its stamp minus the reference's; None without a reading.
    """

    used: bool
    suspected: bool
    reason: str
    skew_ns: int | None


@dataclass(slots=True)
class FrameRow:
    """One mask.

    Attributes:
        stamp_ns: the reference reading's stamp.
        t_ns: when the set was complete, since the recording's start.
        reference: the sensor whose stamp it carries.
        sensors: by name.
        labels_sha256: hash of the mask's pixels.
        latency_ns: from the stamp until the set was complete, in recorded time: what the sensors
            and the wait for late ones take, without the network.
        matrix: pixels counted against the truth; None where there is none for this instant.
    """

    stamp_ns: int
    t_ns: int
    reference: str
    sensors: dict[str, SensorMoment]
    labels_sha256: str
    latency_ns: int
    matrix: ConfusionMatrix | None = None

    @property
    def letters(self) -> str:
        """The sensors used, in the papers' letters."""
        return subset_letters(name for name, one in self.sensors.items() if one.used)


@dataclass(frozen=True, slots=True)
class FaultFigures:
    """What came of one fault.

    Attributes:
        fault: the fault.
        detection_delay_ns: from its start until the first mask that leaves the sensor out, or
            whose health suspects it; None where that never happened, or was so before already.
        recovery_ns: from its end until the first mask that uses the sensor without suspicion;
            None where that never happened, the fault never ended, or was never detected.
        before, during, after: mIoU of the present classes, NaN without truth.
    """

    fault: Fault
    detection_delay_ns: int | None
    recovery_ns: int | None
    before: float
    during: float
    after: float

    def as_json(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        fault = self.fault
        return {
            "sensor": fault.sensor,
            "kind": fault.kind,
            "start_s": fault.start_ns / NS_PER_S,
            "end_s": None if fault.end_ns is None else fault.end_ns / NS_PER_S,
            "detection_delay_ms": _milliseconds(self.detection_delay_ns),
            "recovery_ms": _milliseconds(self.recovery_ns),
            "miou_before": finite_or_none(self.before),
            "miou_during": finite_or_none(self.during),
            "miou_after": finite_or_none(self.after),
        }


def frame_row(result: Segmentation, start_ns: int) -> FrameRow:
    """Return a frame's row without its score; ``start_ns`` is the recording's start."""
    frame = result.frame
    return FrameRow(
        stamp_ns=result.stamp_ns,
        t_ns=frame.gathered_ns - start_ns,
        reference=result.reference,
        sensors={report.sensor: _moment(report) for report in result.sensors},
        labels_sha256=labels_hash(result.labels),
        latency_ns=frame.gathered_ns - result.stamp_ns,
    )


def labels_hash(labels: UInt8Array) -> str:
    """Return the hash of a mask's pixels, uint8 [H, W], row by row."""
    return hashlib.sha256(np.ascontiguousarray(labels).data).hexdigest()


def fault_figures(rows: Sequence[FrameRow], fault: Fault, num_classes: int) -> FaultFigures:
    """Return what came of a fault in the rows of its replay."""
    before = [row for row in rows if row.t_ns < fault.start_ns]
    during = [row for row in rows if fault.active(row.t_ns)]
    after = [row for row in rows if fault.end_ns is not None and row.t_ns >= fault.end_ns]
    detected = _first(during, fault.sensor, troubled=True)
    # A short fault may be noticed just after it has ended.
    if detected is None:
        detected = _first(after[:1], fault.sensor, troubled=True)
    if before and _is_troubled(before[-1], fault.sensor):
        detected = None
    recovered = None if detected is None else _first(after, fault.sensor, troubled=False)
    return FaultFigures(
        fault,
        None if detected is None else detected - fault.start_ns,
        None if recovered is None or fault.end_ns is None else recovered - fault.end_ns,
        *(miou(part, num_classes) for part in (before, during, after)),
    )


def miou(rows: Sequence[FrameRow], num_classes: int) -> float:
    """Return the mean IoU of the present classes over some rows; NaN without truth."""
    total = ConfusionMatrix(num_classes)
    for row in rows:
        if row.matrix is not None:
            total += row.matrix
    return total.scores().miou_present


def used_spans(rows: Sequence[FrameRow]) -> list[tuple[float, float, str]]:
    """Return which sensors were used from when to when: start and end in s, and letters."""
    spans = []
    for letters, group in groupby(rows, key=lambda row: row.letters):
        times = [row.t_ns for row in group]
        spans.append((times[0] / NS_PER_S, times[-1] / NS_PER_S, letters))
    return spans


def finite_or_none(value: float) -> float | None:
    """Return a figure for JSON, which has no NaN."""
    return float(value) if np.isfinite(value) else None


def _moment(report: SensorReport) -> SensorMoment:
    suspected = report.verdict.state in _TROUBLED
    return SensorMoment(report.used, suspected, report.reason, report.skew_ns)


def _is_troubled(row: FrameRow, sensor: str) -> bool:
    moment = row.sensors[sensor]
    return moment.suspected or not moment.used


def _first(rows: Sequence[FrameRow], sensor: str, *, troubled: bool) -> int | None:
    return next((row.t_ns for row in rows if _is_troubled(row, sensor) is troubled), None)


def _milliseconds(value_ns: int | None) -> float | None:
    return None if value_ns is None else value_ns / NS_PER_MS
