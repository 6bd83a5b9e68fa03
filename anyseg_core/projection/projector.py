"""From the readings of one instant to the normalised tensors that the network sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from anyseg_core.errors import CalibrationError
from anyseg_core.geometry import Calibration, Camera
from anyseg_core.projection.depth import DepthImage, project_depth, register_depth
from anyseg_core.projection.event_map import EventMap, add_remapped, event_map
from anyseg_core.projection.labels import label_points
from anyseg_core.projection.lidar import LidarImage, project_lidar
from anyseg_core.projection.normalisation import normalise
from anyseg_core.projection.rgb import resize_rgb
from anyseg_core.types import (
    BoolArray,
    DepthRecord,
    EventFrameRecord,
    EventRecord,
    Float32Array,
    Float64Array,
    LidarRecord,
    Record,
    RgbRecord,
    UInt8Array,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from anyseg_core.normalisation import Normalisation

REFERENCE_CAMERA = "rgb"
"""Name of the reference camera in calibration files."""


class ExtrinsicsSource(Protocol):
    """Where each sensor stands as seen from the reference camera."""

    def camera_from_sensor(self, sensor: str, camera_frame: str, sensor_frame: str) -> Float64Array:
        """Return camera_from_sensor, float64 [4, 4], in metres.

        Raises:
            CalibrationError: it is not known; never read as identity.
        """
        ...


class CalibrationExtrinsics:
    """Extrinsics from a calibration file.

    A sensor is looked up under the frame that its messages carry where the file knows that frame,
    else under its own name: ``lidar``, ``depth``, ``event``.
    """

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration

    def camera_from_sensor(self, sensor: str, camera_frame: str, sensor_frame: str) -> Float64Array:
        """See ``ExtrinsicsSource``; the camera is the file's own ``rgb``, whatever its frame."""
        del camera_frame
        known = {name for pair in self._calibration.transforms for name in pair}
        source = sensor_frame if sensor_frame in known else sensor
        return self._calibration.transform(REFERENCE_CAMERA, source)


@dataclass(frozen=True, slots=True)
class _View:
    """The reference camera at full size and at the network's size; swapped as one."""

    full: Camera
    scaled: Camera
    frame_id: str


class Projector:
    """Brings each sensor's readings into the reference camera's image plane, at the network's size.

    Args:
        width: columns that the network sees.
        height: rows that the network sees.
        normalisation: by modality, what the network was trained with.
        aligned: sensors whose readings are already in the reference camera's image plane.
        extrinsics: where the other sensors stand.
        cameras: by sensor, the cameras of depth and event images that are not aligned.
        min_range_m: LiDAR points nearer than this are dropped.

    The memory of each sensor's tensor and of what leads to it is kept and written again in the next
    frame: a frame allocates nothing of an image's size.
    """

    def __init__(
        self,
        width: int,
        height: int,
        normalisation: Mapping[str, Normalisation],
        *,
        aligned: Collection[str],
        extrinsics: ExtrinsicsSource,
        cameras: Mapping[str, Camera],
        min_range_m: float,
    ) -> None:
        self._size = (width, height)
        self._normalisation = normalisation
        self._aligned = frozenset(aligned)
        self._extrinsics = extrinsics
        self._cameras = cameras
        self._min_range_m = min_range_m
        self._view: _View | None = None
        self._given_up: CalibrationError | None = None
        self._image_size: tuple[int, int] | None = None
        self._image_frame = ""
        self._event_map: tuple[object, EventMap] | None = None
        self._tensors: dict[str, Float32Array] = {}
        self._planes: dict[str, tuple[Float32Array, BoolArray]] = {}

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height that the network sees."""
        return self._size

    @property
    def output_size(self) -> tuple[int, int]:
        """Width and height of the masks: the camera's own, pixel on pixel."""
        if self._image_size is not None:
            return self._image_size
        view = self._view
        return (view.full.width, view.full.height) if view is not None else self._size

    @property
    def frame_id(self) -> str:
        """The reference camera's frame; empty before anything told it."""
        view = self._view
        return view.frame_id if view is not None and view.frame_id else self._image_frame

    def set_camera(self, camera: Camera, frame_id: str) -> None:
        """Take a new reference camera.

        Raises:
            CalibrationError: it is of another size than the images; the one before stays.
        """
        size = (camera.width, camera.height)
        if self._image_size is not None and size != self._image_size:
            raise _size_conflict(size, self._image_size)
        view = self._view
        if view is None or view.full != camera or view.frame_id != frame_id:
            self._view = _View(camera, camera.scaled(*self._size), frame_id)

    def see_image(self, record: RgbRecord) -> None:
        """Note an RGB image's size and frame; a camera of another size is given up."""
        height, width = record.image.shape[:2]
        self._image_size, self._image_frame = (width, height), record.frame_id
        view = self._view
        if view is not None and (view.full.width, view.full.height) != (width, height):
            self._given_up = _size_conflict((view.full.width, view.full.height), (width, height))
            self._view = None

    def project(self, sensor: str, records: Sequence[Record], end_ns: int) -> Float32Array:
        """Return one sensor's normalised tensor, float32 [3, H, W]; its next call overwrites it.

        Args:
            sensor: the modality.
            records: one reading, or a window of event packets.
            end_ns: the instant, on the sensor's clock; later events are left for the next frame.

        Raises:
            CalibrationError: the camera or the sensor's place is not known.
            RecordError: the reading cannot be used.
        """
        normalisation = self._normalisation[sensor]
        record = records[-1]
        out = self._tensor(sensor)
        match record:
            case RgbRecord():
                return _fill_rgb(record.image, normalisation, out)
            case DepthRecord():
                depth = self._depth(record)
                return normalise(depth.channels, depth.valid, normalisation, out)
            case LidarRecord():
                sweep = self._lidar(record)
                return normalise(sweep.channels, sweep.valid, normalisation, out)
            case EventFrameRecord():
                self._require_aligned(sensor, record.frame_id)
                return _fill_rgb(record.image, normalisation, out)
            case EventRecord():
                return normalise(self._events(records, end_ns, out), None, normalisation, out)

    def label_points(self, sweep: LidarRecord, labels: UInt8Array) -> UInt8Array:
        """Return a class for every point of a sweep from a mask of the camera's size, uint8 [N].

        Raises:
            CalibrationError: the camera or the LiDAR's place is not known.
        """
        view = self._require_view()
        camera_from_lidar = self._camera_from("lidar", view, sweep.frame_id)
        camera = view.full.scaled(labels.shape[1], labels.shape[0])
        return label_points(sweep.points, camera, camera_from_lidar, labels)

    def _lidar(self, record: LidarRecord) -> LidarImage:
        view = self._require_view()
        return project_lidar(
            record.points,
            view.scaled,
            self._camera_from("lidar", view, record.frame_id),
            min_range_m=self._min_range_m,
            out=LidarImage(*self._plane("lidar")),
        )

    def _depth(self, record: DepthRecord) -> DepthImage:
        out = DepthImage(*self._plane("depth"))
        if self._is_aligned("depth", record.frame_id):
            return project_depth(record.depth, record.metres_per_unit, *self._size, out=out)
        view = self._require_view()
        return register_depth(
            record.depth,
            record.metres_per_unit,
            self._own_camera("depth"),
            view.scaled,
            self._camera_from("depth", view, record.frame_id),
            out=out,
        )

    def _events(self, records: Sequence[Record], end_ns: int, out: Float32Array) -> Float32Array:
        out.fill(0.0)
        for record in records:
            assert isinstance(record, EventRecord)  # one topic carries one type
            add_remapped(record.events, self._event_lookup(record), out, end_ns)
        return out

    def _event_lookup(self, record: EventRecord) -> EventMap:
        """Return where each event pixel falls; kept until the sensor or the camera changes."""
        view = self._view
        key = (view, record.width, record.height, record.frame_id)
        if self._event_map is None or self._event_map[0] != key:
            self._event_map = (key, self._make_event_lookup(record))
        return self._event_map[1]

    def _make_event_lookup(self, record: EventRecord) -> EventMap:
        if self._is_aligned("event", record.frame_id):
            width, height = record.width, record.height
            plane = Camera(width, height, ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
            return event_map(plane, plane.scaled(*self._size), np.eye(4))
        view = self._require_view()
        camera_from_event = self._camera_from("event", view, record.frame_id)
        return event_map(self._own_camera("event"), view.scaled, camera_from_event)

    def _tensor(self, sensor: str) -> Float32Array:
        if sensor not in self._tensors:
            width, height = self._size
            self._tensors[sensor] = np.zeros((3, height, width), np.float32)
        return self._tensors[sensor]

    def _plane(self, sensor: str) -> tuple[Float32Array, BoolArray]:
        """Channels in the sensor's own units and which pixels are valid, before normalisation."""
        if sensor not in self._planes:
            width, height = self._size
            self._planes[sensor] = (
                np.zeros((3, height, width), np.float32), np.zeros((height, width), np.bool_)
            )  # fmt: skip
        return self._planes[sensor]

    def _is_aligned(self, sensor: str, frame_id: str) -> bool:
        """Whether a sensor shares the camera's image plane: it says so, or it shares its frame."""
        return sensor in self._aligned or (bool(frame_id) and frame_id == self.frame_id)

    def _require_aligned(self, sensor: str, frame_id: str) -> None:
        if not self._is_aligned(sensor, frame_id):
            raise CalibrationError(
                f"a rendered {sensor} image in frame {frame_id!r}",
                f"one in the camera's frame {self.frame_id!r}",
                f"let the driver render into the camera's image plane and set {sensor}.aligned, "
                "or publish the events themselves",
            )

    def _require_view(self) -> _View:
        view = self._view
        if view is None and self._given_up is not None:
            raise self._given_up
        if view is None:
            raise CalibrationError(
                "no camera info",
                "the reference camera's intrinsics",
                "publish CameraInfo on rgb/camera_info, or name the camera in calibration_file",
            )
        return view

    def _own_camera(self, sensor: str) -> Camera:
        camera = self._cameras.get(sensor)
        if camera is None:
            raise CalibrationError(
                f"no camera {sensor!r} in the calibration",
                f"the intrinsics of the {sensor} camera",
                f"add it to calibration_file, or set {sensor}.aligned if its images are already "
                "in the RGB camera's image plane",
            )
        return camera

    def _camera_from(self, sensor: str, view: _View, frame_id: str) -> Float64Array:
        return self._extrinsics.camera_from_sensor(sensor, view.frame_id, frame_id)


def _fill_rgb(image: UInt8Array, statistics: Normalisation, out: Float32Array) -> Float32Array:
    height, width = out.shape[1:]
    return resize_rgb(image, width, height, statistics.mean, statistics.std, out=out)


def _size_conflict(camera: tuple[int, int], image: tuple[int, int]) -> CalibrationError:
    return CalibrationError(
        f"a camera info of {camera[0]} x {camera[1]}",
        f"the images' size, {image[0]} x {image[1]}",
        "let the driver publish the camera info of the images that it sends",
    )
