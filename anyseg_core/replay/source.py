"""A bag as a stream of typed records in record order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.errors import AnysegError, RecordError
from anyseg_core.geometry import Calibration, Camera, transform_from_quaternion
from anyseg_core.messages import camera_from_info, record_converters, stamp_to_ns
from anyseg_core.replay.clocks import RecordingTimes
from anyseg_core.replay.topics import CAMERA_INFO, TRUTH, TopicMap
from anyseg_core.types import Record, RgbRecord, UInt8Array

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyseg_core.replay.bag import Bag, BagMessage
    from anyseg_core.types import Float64Array


@dataclass(frozen=True, slots=True)
class SensorReading:
    """A reading of one sensor, and when it was recorded."""

    log_ns: int
    sensor: str
    record: Record


@dataclass(frozen=True, slots=True)
class CameraReading:
    """The reference camera, and when it was told."""

    log_ns: int
    camera: Camera
    frame_id: str


@dataclass(frozen=True, slots=True)
class TrueMask:
    """True classes of one instant: ``labels`` is uint8 [H, W], 255 where there is none."""

    log_ns: int
    stamp_ns: int
    labels: UInt8Array


Item = SensorReading | CameraReading | TrueMask


class BagSource:
    """Reads a bag's useful topics as records.

    Args:
        bag: the recording, open.
        topics: which topics to read.
        event_size: columns and rows of the event camera, for events as points; None for those of
            the RGB images.

    Attributes:
        camera: the reference camera as the bag first tells it; None where it does not.
        refused: by topic, how many messages were of no use, and why the first of them was not.
        counts: by topic, how many messages were read.
        times: when the sensors' readings were recorded and stamped.
    """

    def __init__(
        self, bag: Bag, topics: TopicMap, event_size: tuple[int, int] | None = None
    ) -> None:
        self._bag, self._topics = bag, topics
        self._event_size = event_size
        # ahead of the first reading: events may come before the first image
        self.camera = self._first_camera()
        self._image_size = (
            None if self.camera is None else (self.camera.camera.width, self.camera.camera.height)
        )
        self._role_of = {topic: role for role, topic in topics.roles.items()}
        self._converters = {
            topic: record_converters[topics.types[topic], role](self._size_of_events)
            for topic, role in self._role_of.items()
            if role not in (CAMERA_INFO, TRUTH)
        }
        self.refused: dict[str, tuple[int, str]] = {}
        self.counts: Counter[str] = Counter()
        self.times = RecordingTimes(bag.start_ns, bag.end_ns)

    def items(self) -> Iterator[Item]:
        """Yield the records, cameras and true masks in record order."""
        for message in self._bag.messages(set(self._role_of)):
            self.counts[message.topic] += 1
            try:
                item = self._item(message)
            except AnysegError as error:
                self._refuse(message.topic, str(error))
            except (ValueError, TypeError, AttributeError, OverflowError) as error:
                self._refuse(message.topic, f"{type(error).__name__}: {error}")
            else:
                if isinstance(item, SensorReading):
                    self.times.add(message.topic, item.log_ns, item.record.stamp_ns)
                yield item

    def transforms(self) -> Calibration:
        """Return the transforms that the bag holds; the last one of each pair of frames counts."""
        found: dict[tuple[str, str], Float64Array] = {}
        for message in self._bag.messages(self._topics.transforms):
            for one in message.message.transforms:
                parent, child = one.header.frame_id.strip("/"), one.child_frame_id.strip("/")
                shift, turn = one.transform.translation, one.transform.rotation
                try:
                    found[parent, child] = transform_from_quaternion(
                        (shift.x, shift.y, shift.z),
                        (turn.x, turn.y, turn.z, turn.w),
                        f"the transform {parent!r} from {child!r}",
                    )
                except AnysegError as error:
                    self._refuse(message.topic, str(error))
        return Calibration(transforms=found)

    def _item(self, message: BagMessage) -> Item:
        role = self._role_of[message.topic]
        if role == CAMERA_INFO:
            reading = _camera_reading(message.log_ns, message.message)
            self._image_size = (reading.camera.width, reading.camera.height)
            return reading
        if role == TRUTH:
            return _true_mask(message)
        record = self._converters[message.topic](message.message)
        if isinstance(record, RgbRecord):
            height, width = record.image.shape[:2]
            self._image_size = (width, height)
        return SensorReading(message.log_ns, role, record)

    def _first_camera(self) -> CameraReading | None:
        topic = self._topics.roles.get(CAMERA_INFO)
        info = None if topic is None else self._bag.first(topic)
        try:
            return None if info is None else _camera_reading(self._bag.start_ns, info)
        except AnysegError:
            return None  # told when its turn comes

    def _size_of_events(self) -> tuple[int, int] | None:
        return self._event_size or self._image_size

    def _refuse(self, topic: str, reason: str) -> None:
        count, first = self.refused.get(topic, (0, reason))
        self.refused[topic] = (count + 1, first)


def _camera_reading(log_ns: int, info: Any) -> CameraReading:  # noqa: ANN401 - a message
    return CameraReading(log_ns, camera_from_info(info), info.header.frame_id)


def _true_mask(message: BagMessage) -> TrueMask:
    image: Any = message.message
    height, width, step = int(image.height), int(image.width), int(image.step)
    if image.encoding not in ("mono8", "8UC1") or len(image.data) < step * height or step < width:
        raise RecordError(
            f"a {image.encoding} image of {width} x {height}, step {step}, {len(image.data)} bytes",
            "class ids as mono8, height x step bytes",
            "record the true classes as a mono8 image",
        )
    rows = np.frombuffer(image.data, np.uint8, step * height).reshape(height, step)
    labels = np.ascontiguousarray(rows[:, :width])
    return TrueMask(message.log_ns, stamp_to_ns(image.header.stamp), labels)
