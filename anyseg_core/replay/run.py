"""Replays cases: every record goes through every case's faults and pipeline, in record order."""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from anyseg_core.errors import AnysegError, ConfigurationError
from anyseg_core.metrics import ConfusionMatrix
from anyseg_core.pipeline import Pipeline, Segmentation
from anyseg_core.replay.source import CameraReading, SensorReading, TrueMask
from anyseg_core.replay.timeline import FrameRow, frame_row
from anyseg_core.simulation.faults import FaultInjector

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from anyseg_core.config import PipelineConfig
    from anyseg_core.geometry import Camera
    from anyseg_core.projection.projector import ExtrinsicsSource
    from anyseg_core.replay.cases import Case
    from anyseg_core.replay.source import Item
    from anyseg_core.replay.truth import Truth
    from anyseg_core.runtime.segmenter import Segmenter
    from anyseg_core.types import Record, UInt8Array

_WAIT_NS = 1_000_000_000
"""A mask waits so long, in recorded time, for its truth and for the nominal case's mask."""

_KEPT_MASKS = 64


class MaskSink(Protocol):
    """Takes the masks of one case as they come."""

    def take(self, result: Segmentation) -> None:
        """Take one mask."""
        ...


@dataclass(frozen=True, slots=True)
class Rig:
    """What all cases of a replay share.

    Attributes:
        config: of the pipelines.
        segmenter: the network.
        extrinsics: where the sensors stand.
        cameras: of depth and event images with an image plane of their own.
        start_ns: the recording's start, on the recorder's clock.
        seed: of everything random in the faults.
    """

    config: PipelineConfig
    segmenter: Segmenter
    extrinsics: ExtrinsicsSource
    cameras: Mapping[str, Camera]
    start_ns: int
    seed: int = 0


@dataclass(slots=True)
class CaseResult:
    """What one case gave.

    Attributes:
        case: the case.
        rows: one per mask, in order.
        masks_sha256: hash of every mask with its stamp, in order.
        agreement: share of pixels with the nominal case's label, per mask that both have.
        refused: by sensor, how many readings the pipeline refused, and why the first one was.
    """

    case: Case
    rows: list[FrameRow]
    masks_sha256: str
    agreement: list[float] = field(default_factory=list)
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)


class CaseReplay:
    """One case while it runs.

    Args:
        case: what is done to the readings.
        rig: what it shares with the other cases.
        truth: true masks; None where there are none.
        sink: takes the masks.
        nominal: the same recording without faults, run just before this one at every item.
    """

    def __init__(
        self,
        case: Case,
        rig: Rig,
        truth: Truth | None,
        sink: MaskSink | None = None,
        nominal: CaseReplay | None = None,
    ) -> None:
        self._case, self._rig, self._truth = case, rig, truth
        self._sink, self._nominal = sink, nominal
        self._pipeline = Pipeline(rig.config, rig.segmenter, rig.extrinsics, rig.cameras)
        self._injector = FaultInjector(case.faults, rig.seed)
        self._digest = hashlib.sha256()
        self._result = CaseResult(case, [], "")
        self._unscored: deque[tuple[FrameRow, UInt8Array]] = deque()
        self._uncompared: deque[tuple[FrameRow, UInt8Array]] = deque()
        self._recent: deque[tuple[int, UInt8Array]] = deque(maxlen=_KEPT_MASKS)

    def set_camera(self, reading: CameraReading) -> None:
        """Take the reference camera."""
        self._pipeline.set_camera(reading.camera, reading.frame_id)

    def take(self, reading: SensorReading) -> None:
        """Take one reading, put the faults in, and segment what is due."""
        now_ns = reading.log_ns
        self._keep(self._pipeline.poll(now_ns))
        t_ns = now_ns - self._rig.start_ns
        for sensor in self._case.sensors:
            for late in self._injector.release(sensor, t_ns):
                self._push(sensor, late, now_ns)
        if reading.sensor in self._case.sensors:
            for record in self._injector.apply(reading.sensor, reading.record, t_ns):
                self._push(reading.sensor, record, now_ns)

    def settle(self, now_ns: int) -> None:
        """Score and compare the masks for which all is there, and give up on old ones."""
        self._score(now_ns)
        self._compare(now_ns)

    def _score(self, now_ns: int) -> None:
        while self._unscored and self._truth is not None:
            row, labels = self._unscored[0]
            if not self._waited(row, now_ns) and not self._truth.knows(row.stamp_ns):
                return
            self._unscored.popleft()
            true = self._truth.at(row.stamp_ns)
            if true is not None:
                row.matrix = _confusion(true, labels, len(self._rig.segmenter.card.classes))

    def finish(self) -> CaseResult:
        """Segment and score what still waits, and return the result."""
        self._keep(self._pipeline.flush())
        self.settle(2**62)
        self._result.masks_sha256 = self._digest.hexdigest()
        return self._result

    def labels_at(self, stamp_ns: int) -> UInt8Array | None:
        """Return the mask of a stamp, while it is one of the last few."""
        return next((labels for stamp, labels in self._recent if stamp == stamp_ns), None)

    def _push(self, sensor: str, record: Record, now_ns: int) -> None:
        try:
            self._keep(self._pipeline.push(sensor, record, now_ns))
        except AnysegError as error:
            count, first = self._result.refused.get(sensor, (0, str(error)))
            self._result.refused[sensor] = (count + 1, first)

    def _keep(self, results: Sequence[Segmentation]) -> None:
        for result in results:
            row = frame_row(result, self._rig.start_ns)
            self._result.rows.append(row)
            self._digest.update(result.stamp_ns.to_bytes(8, "little", signed=True))
            self._digest.update(np.ascontiguousarray(result.labels).data)
            # before anything told the camera, a mask is of no size that truth could have
            if self._truth is not None and result.frame_id:
                self._unscored.append((row, result.labels))
            self._recent.append((result.stamp_ns, result.labels))
            if self._nominal is not None:
                self._uncompared.append((row, result.labels))
            if self._sink is not None:
                self._sink.take(result)

    def _compare(self, now_ns: int) -> None:
        while self._uncompared and self._nominal is not None:
            row, labels = self._uncompared[0]
            other = self._nominal.labels_at(row.stamp_ns)
            if other is None and not self._waited(row, now_ns):
                return  # with more sensors to wait for, the nominal mask comes later
            self._uncompared.popleft()
            if other is not None and other.shape == labels.shape:
                self._result.agreement.append(float((other == labels).mean()))

    def _waited(self, row: FrameRow, now_ns: int) -> bool:
        return now_ns - self._rig.start_ns - row.t_ns > _WAIT_NS


def replay(items: Iterable[Item], cases: Sequence[CaseReplay], truth: Truth | None) -> None:
    """Drive every case through the items in one pass; ``CaseReplay.finish`` then gives results."""
    for item in items:
        if isinstance(item, SensorReading):
            for case in cases:
                case.take(item)
        elif isinstance(item, CameraReading):
            for case in cases:
                case.set_camera(item)
        elif isinstance(item, TrueMask) and truth is not None:
            truth.add(item.stamp_ns, item.labels)
        for case in cases:
            case.settle(item.log_ns)


def _confusion(true: UInt8Array, labels: UInt8Array, num_classes: int) -> ConfusionMatrix:
    if true.shape != labels.shape:
        raise ConfigurationError(
            f"true masks of {true.shape[1]} x {true.shape[0]} beside masks of "
            f"{labels.shape[1]} x {labels.shape[0]}",
            "one size: the camera's",
            "give the truth at the camera's size, or leave it out with --topic truth=",
        )
    matrix = ConfusionMatrix(num_classes)
    matrix.update(true, labels)
    return matrix
