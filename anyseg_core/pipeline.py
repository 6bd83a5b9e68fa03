"""The whole way from sensor readings to a mask, in one class.

The live node, bag replay, the demo and the benchmarks drive this same class. It reads no clock:
time comes in as ``now_ns``, so the same readings at the same times give the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

import cv2
import numpy as np

from anyseg_core.config import PipelineConfig, default_sensors
from anyseg_core.errors import AnysegError, ConfigurationError, RecordError
from anyseg_core.health import Action, HealthMonitor, Verdict
from anyseg_core.projection.keeping import KeepingProjector
from anyseg_core.runtime.segmenter import Prediction, Segmenter
from anyseg_core.segmentation import Frame, Segmentation, SensorReport, latest
from anyseg_core.sync import FrameSet, Reading, Stream, Synchronizer
from anyseg_core.types import (
    IGNORE_LABEL,
    MODALITY_LETTERS,
    NS_PER_S,
    Float32Array,
    LidarRecord,
    Motion,
    Record,
    UInt8Array,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anyseg_core.geometry import Camera
    from anyseg_core.projection.projector import ExtrinsicsSource

ProjectorT = TypeVar("ProjectorT", bound=KeepingProjector)

EXCLUDED_BY_HAND = "excluded by hand"


class Pipeline:
    """Sensor readings in, masks out, with whatever sensors are left.

    ``push`` and ``poll`` do everything in the caller's thread. A driver that must not wait for
    the network calls their two halves itself: ``gather`` and ``gather_due`` where messages
    arrive, ``segment`` in a worker. The halves may run in two threads; neither in more than one.

    Args:
        config: sensors, times, sizes and thresholds.
        segmenter: the network.
        extrinsics: where the pose of each sensor in the camera's frame comes from.
        cameras: by sensor, the cameras of depth and event images of their own image plane.
        health: judges the readings; None for a monitor of this pipeline's own.
        projector: makes the tensors; None for one of this pipeline's own.
    """

    def __init__(
        self,
        config: PipelineConfig,
        segmenter: Segmenter,
        extrinsics: ExtrinsicsSource,
        cameras: Mapping[str, Camera],
        *,
        health: HealthMonitor | None = None,
        projector: KeepingProjector | None = None,
    ) -> None:
        self._config = config
        self._sensors = tuple(name for name in MODALITY_LETTERS if name in config.sensors)
        self._health = health or HealthMonitor(config.health())
        self._sync = _synchronizer(config)
        self._projector = projector or make_projector(
            KeepingProjector, config, segmenter, extrinsics, cameras
        )
        self._segmenter = segmenter
        self._now_ns = 0
        self._excluded: frozenset[str] = frozenset()

    def set_camera(self, camera: Camera, frame_id: str) -> None:
        """Take a new reference camera; it holds from the next frame on."""
        self._projector.set_camera(camera, frame_id)

    def set_motion(self, motion: Motion) -> None:
        """Take how the robot moves, by which sweeps are de-skewed where the configuration asks."""
        self._projector.set_motion(motion)

    def exclude(self, sensor: str, *, excluded: bool) -> None:
        """Leave a sensor out of the next frames by hand, or admit it again.

        Raises:
            ConfigurationError: the sensor is not configured.
        """
        if sensor not in self._sensors:
            raise ConfigurationError(
                f"sensor {sensor!r}", f"one of {', '.join(self._sensors)}", "name one of these"
            )
        self._excluded = self._excluded | {sensor} if excluded else self._excluded - {sensor}

    @property
    def excluded(self) -> frozenset[str]:
        """The sensors that are left out by hand."""
        return self._excluded

    @property
    def is_waiting(self) -> bool:
        """Whether a frame waits for readings: then ``poll`` may give it though nothing arrives."""
        return self._sync.next_deadline_ns is not None

    @property
    def reset_count(self) -> int:
        """How often the synchroniser forgot everything, because time jumped."""
        return self._sync.reset_count

    @property
    def last_reset(self) -> str:
        """Why it did so last, in words; empty where it never did."""
        return self._sync.reset_reasons[-1] if self._sync.reset_reasons else ""

    def set_actions(self, actions: Mapping[str, Mapping[str, Action]]) -> None:
        """Let other actions follow from findings; see ``HealthMonitor.set_actions``."""
        self._health.set_actions(actions)

    def push(self, sensor: str, record: Record, now_ns: int) -> list[Segmentation]:
        """Take one reading and return the frames that became complete with it, segmented."""
        return [self.segment(frame) for frame in self.gather(sensor, record, now_ns)]

    def poll(self, now_ns: int) -> list[Segmentation]:
        """Return the frames whose wait is over at ``now_ns``, segmented."""
        return [self.segment(frame) for frame in self.gather_due(now_ns)]

    def flush(self) -> list[Segmentation]:
        """Return every frame still waiting, segmented: the input has ended."""
        return [self.segment(frame) for frame in self._judge(self._sync.flush(), self._now_ns)]

    def gather(self, sensor: str, record: Record, now_ns: int) -> list[Frame]:
        """First half of ``push``: synchronise and judge, without the network.

        Raises:
            RecordError: the stamp lies too far from ``now_ns``; the reading is left out.
        """
        self._health.observe(sensor, record, now_ns)
        self._check_stamp(sensor, record.stamp_ns, now_ns)
        self._projector.see(record)
        return self._judge(self._sync.push(sensor, record.stamp_ns, record, now_ns), now_ns)

    def gather_due(self, now_ns: int) -> list[Frame]:
        """First half of ``poll``."""
        return self._judge(self._sync.poll(now_ns), now_ns)

    def segment(self, frame: Frame) -> Segmentation:
        """Second half: project the usable readings, run the network, report on every sensor."""
        tensors: dict[str, Float32Array] = {}
        reports = tuple(self._project(name, frame, tensors) for name in self._sensors)
        prediction = self._predict(tensors)
        width, height = self._projector.output_size
        return Segmentation(
            stamp_ns=frame.readings.stamp_ns,
            reference=frame.readings.reference,
            frame_id=self._projector.frame_id,
            labels=_resize(prediction.labels, width, height, cv2.INTER_NEAREST_EXACT),
            confidence=_resize(prediction.confidence, width, height, cv2.INTER_LINEAR),
            weights=prediction.weights,
            sensors=reports,
            frame=frame,
        )

    def label_points(self, result: Segmentation) -> tuple[LidarRecord, UInt8Array] | None:
        """Return the frame's LiDAR sweep and a class for every point, uint8 [N].

        Points that the camera does not see, or that lie hidden behind others, get 255. None where
        the frame has no sweep or its place relative to the camera is not known.
        """
        reading = result.frame.readings.readings.get("lidar")
        sweep = None if reading is None else latest(reading).payload
        if not isinstance(sweep, LidarRecord):
            return None
        try:
            end_ns = self._instant_ns("lidar", result.frame)
            return sweep, self._projector.label_points(sweep, result.labels, end_ns)
        except AnysegError:
            return None

    def verdicts(self, now_ns: int) -> dict[str, Verdict]:
        """Return what the health monitor thinks of each sensor at ``now_ns``."""
        return self._health.verdicts(now_ns)

    def _check_stamp(self, sensor: str, stamp_ns: int, now_ns: int) -> None:
        """Keep a stamp of another clock from moving the whole synchroniser to its time."""
        lead_ns = stamp_ns - now_ns
        if -self._config.max_stamp_age_ns <= lead_ns <= self._config.max_stamp_lead_ns:
            return
        where = "in the future" if lead_ns > 0 else "in the past"
        raise RecordError(
            f"a {sensor} stamp {abs(lead_ns) / NS_PER_S:.3f} s {where}",
            f"at most {self._config.max_stamp_age_ns / NS_PER_S:g} s old and "
            f"{self._config.max_stamp_lead_ns / NS_PER_S:g} s ahead",
            "synchronise the clocks; for a replayed bag, set use_sim_time and publish /clock",
        )

    def _judge(self, sets: list[FrameSet], now_ns: int) -> list[Frame]:
        self._now_ns = now_ns
        if not sets:
            return []
        verdicts = self._health.verdicts(now_ns)
        return [Frame(readings, verdicts, now_ns) for readings in sets]

    def _project(self, name: str, frame: Frame, tensors: dict[str, Float32Array]) -> SensorReport:
        """Add ``name``'s tensor to ``tensors`` where it can be used; say why where it cannot."""
        reading = frame.readings.readings.get(name)
        verdict = frame.verdicts[name]
        reason, failure = "", None
        if name in self._excluded:
            reason = EXCLUDED_BY_HAND
        elif reading is None:
            reason = frame.readings.absent[name]
        elif not verdict.usable:
            reason = "; ".join(finding.message for finding in verdict.findings) or verdict.state
        else:
            try:
                tensors[name] = self._projector.project(
                    name, _records(reading), self._instant_ns(name, frame)
                )
            except AnysegError as error:
                reason, failure = str(error), error
        stamp_ns = None if reading is None else latest(reading).stamp_ns
        return SensorReport(
            sensor=name,
            used=not reason,
            reason=reason,
            skew_ns=None if stamp_ns is None else stamp_ns - frame.readings.stamp_ns,
            age_ns=None if stamp_ns is None else frame.gathered_ns - stamp_ns,
            verdict=verdict,
            error=failure,
        )

    def _instant_ns(self, name: str, frame: Frame) -> int:
        """Return the frame's instant on a sensor's own clock."""
        return frame.readings.stamp_ns - self._config.sensors[name].offset_ns

    def _predict(self, tensors: Mapping[str, Float32Array]) -> Prediction:
        """Run the network; with no sensor left, every pixel is honestly without a class."""
        if tensors:
            readings = {name: self._projector.identity(name) for name in tensors}
            return self._segmenter.segment(tensors, readings)
        size = self._projector.input_size
        return Prediction(
            labels=np.full(size[::-1], IGNORE_LABEL, np.uint8),
            confidence=np.zeros(size[::-1], np.uint8),
            weights={},
        )


def make_projector(
    kind: Callable[..., ProjectorT],
    config: PipelineConfig,
    segmenter: Segmenter,
    extrinsics: ExtrinsicsSource,
    cameras: Mapping[str, Camera],
) -> ProjectorT:
    """Return a projector of some kind as a pipeline of this configuration has it."""
    return kind(
        config.input_width,
        config.input_height,
        segmenter.card.normalisation,
        aligned=[name for name, sensor in config.sensors.items() if sensor.aligned],
        extrinsics=extrinsics,
        cameras=cameras,
        min_range_m=config.min_range_m,
        representation=config.event_representation,
        window_ns=_event_window_ns(config),
        deskew=config.deskew,
    )


def _synchronizer(config: PipelineConfig) -> Synchronizer:
    streams = [
        Stream(
            name,
            mode=sensor.mode,
            tolerance_ns=sensor.tolerance_ns,
            timeout_ns=sensor.timeout_ns,
            window_ns=sensor.window_ns,
            offset_ns=sensor.offset_ns,
        )
        for name, sensor in config.sensors.items()
    ]
    order = [name for name in config.reference_order if name in config.sensors]
    return Synchronizer(streams, order, config.max_wait_ns)


def _event_window_ns(config: PipelineConfig) -> int:
    event = config.sensors.get("event", default_sensors()["event"])
    return event.window_ns or default_sensors()["event"].window_ns


def _records(reading: Reading | tuple[Reading, ...]) -> list[Record]:
    readings = reading if isinstance(reading, tuple) else (reading,)
    return [cast("Record", one.payload) for one in readings]


def _resize(image: UInt8Array, width: int, height: int, interpolation: int) -> UInt8Array:
    if image.shape == (height, width):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=interpolation), np.uint8)
