"""Replays cases: every record goes through faults and every case's pipeline, in record order."""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from anyseg_core.errors import AnysegError
from anyseg_core.replay.source import CameraReading, SensorReading, TrueMask
from anyseg_core.replay.timeline import FrameRow, frame_row
from anyseg_core.types import MODALITIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from anyseg_core.replay.cases import Case
    from anyseg_core.replay.shared import SensorStream, Shared
    from anyseg_core.replay.source import Item
    from anyseg_core.replay.truth import Truth
    from anyseg_core.segmentation import Segmentation
    from anyseg_core.types import Record, UInt8Array

_WAIT_NS = 1_000_000_000
"""A mask waits so long, in recorded time, for its truth and for the nominal case's mask."""

_KEPT_MASKS = 64


class MaskSink(Protocol):
    """Takes the masks of one case as they come."""

    def take(self, result: Segmentation) -> None:
        """Take one mask."""
        ...


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
        shared: what it has in common with the other cases.
        truth: true masks; None where there are none.
        sink: takes the masks.
        nominal: the same recording without faults, replayed beside this one.

    Attributes:
        streams: its readings, by sensor.
    """

    def __init__(
        self,
        case: Case,
        shared: Shared,
        truth: Truth | None,
        sink: MaskSink | None = None,
        nominal: CaseReplay | None = None,
    ) -> None:
        self.streams = {sensor: shared.stream(sensor, case.faults) for sensor in case.sensors}
        self._pipeline = shared.pipeline(self.streams)
        self._figures, self._start_ns = shared.figures, shared.rig.start_ns
        self._truth, self._sink, self._nominal = truth, sink, nominal
        self._digest = hashlib.sha256()
        self._result = CaseResult(case, [], "")
        self._unscored: deque[tuple[FrameRow, UInt8Array]] = deque()
        self._uncompared: deque[tuple[FrameRow, UInt8Array]] = deque()
        self._recent: deque[tuple[FrameRow, UInt8Array]] = deque(maxlen=_KEPT_MASKS)

    def set_camera(self, reading: CameraReading) -> None:
        """Take the reference camera."""
        self._pipeline.set_camera(reading.camera, reading.frame_id)

    def poll(self, now_ns: int) -> None:
        """Segment what is due, before the next reading comes."""
        self._keep(self._pipeline.poll(now_ns))

    def push(self, sensor: str, record: Record, now_ns: int) -> None:
        """Take one reading as its stream gives it, and segment what is due."""
        try:
            self._keep(self._pipeline.push(sensor, record, now_ns))
        except AnysegError as error:
            count, first = self._result.refused.get(sensor, (0, str(error)))
            self._result.refused[sensor] = (count + 1, first)

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
                row.matrix = self._figures.confusion(true, labels, row.labels_sha256)

    def finish(self) -> CaseResult:
        """Segment and score what still waits, and return the result."""
        self._keep(self._pipeline.flush())
        self.settle(2**62)
        self._result.masks_sha256 = self._digest.hexdigest()
        return self._result

    def mask_at(self, stamp_ns: int) -> tuple[FrameRow, UInt8Array] | None:
        """Return the mask of a stamp and its row, while it is one of the last few."""
        return next((one for one in self._recent if one[0].stamp_ns == stamp_ns), None)

    def _keep(self, results: Sequence[Segmentation]) -> None:
        for result in results:
            row = frame_row(result, self._start_ns)
            self._result.rows.append(row)
            self._digest.update(result.stamp_ns.to_bytes(8, "little", signed=True))
            self._digest.update(np.ascontiguousarray(result.labels).data)
            # before anything told the camera, a mask is of no size that truth could have
            if self._truth is not None and result.frame_id:
                self._unscored.append((row, result.labels))
            if self._nominal is None:
                self._recent.append((row, result.labels))
            else:
                self._uncompared.append((row, result.labels))
            if self._sink is not None:
                self._sink.take(result)

    def _compare(self, now_ns: int) -> None:
        while self._uncompared and self._nominal is not None:
            row, labels = self._uncompared[0]
            other = self._nominal.mask_at(row.stamp_ns)
            if other is None and not self._waited(row, now_ns):
                return  # with more sensors to wait for, the nominal mask comes later
            self._uncompared.popleft()
            if other is not None and other[1].shape == labels.shape:
                pair = (other[1], other[0].labels_sha256, labels, row.labels_sha256)
                self._result.agreement.append(self._figures.agreement(*pair))

    def _waited(self, row: FrameRow, now_ns: int) -> bool:
        return now_ns - self._start_ns - row.t_ns > _WAIT_NS


def replay(
    items: Iterable[Item], cases: Sequence[CaseReplay], truth: Truth | None, start_ns: int
) -> None:
    """Drive every case through the items in one pass; ``CaseReplay.finish`` then gives results.

    Args:
        items: the recording.
        cases: made with one ``Shared``.
        truth: takes the true masks that the recording holds.
        start_ns: the recording's start.
    """
    streams = _streams(cases)
    for item in items:
        if isinstance(item, SensorReading):
            _take(item, cases, streams, item.log_ns - start_ns)
        elif isinstance(item, CameraReading):
            for case in cases:
                case.set_camera(item)
        elif isinstance(item, TrueMask) and truth is not None:
            truth.add(item.stamp_ns, item.labels)
        for case in cases:
            case.settle(item.log_ns)


def _streams(cases: Sequence[CaseReplay]) -> dict[str, dict[SensorStream, list[CaseReplay]]]:
    """Return the cases that see each stream, by sensor."""
    streams: dict[str, dict[SensorStream, list[CaseReplay]]] = {name: {} for name in MODALITIES}
    for case in cases:
        for sensor, stream in case.streams.items():
            streams[sensor].setdefault(stream, []).append(case)
    return streams


def _take(
    item: SensorReading,
    cases: Sequence[CaseReplay],
    streams: Mapping[str, Mapping[SensorStream, Sequence[CaseReplay]]],
    t_ns: int,
) -> None:
    """Hand a reading to every case that sees it, with what is late of the others before it.

    All cases go through the steps together, as what they share has one state.
    """
    now_ns = item.log_ns
    for case in cases:
        case.poll(now_ns)
    for sensor, those in streams.items():
        for stream, seeing in those.items():
            for record in stream.late(t_ns):
                for case in seeing:
                    case.push(sensor, record, now_ns)
    for stream, seeing in streams[item.sensor].items():
        for record in stream.faulty(item.record, t_ns):
            for case in seeing:
                case.push(item.sensor, record, now_ns)
