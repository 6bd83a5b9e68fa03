"""From the readings of one instant to the normalised tensors that the network sees."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import numpy as np

from anyseg_core.errors import CalibrationError
from anyseg_core.geometry import Calibration, Camera
from anyseg_core.projection.depth import DepthImage, project_depth, register_depth
from anyseg_core.projection.event_images import draw_events
from anyseg_core.projection.event_map import EventMap, event_map
from anyseg_core.projection.labels import label_points
from anyseg_core.projection.lidar import LidarImage, project_lidar
from anyseg_core.projection.motion import deskewed_points, require_motion
from anyseg_core.projection.normalisation import normalise
from anyseg_core.projection.reference_camera import ReferenceCamera, View
from anyseg_core.projection.rgb import resize_rgb
from anyseg_core.types import (
    BoolArray,
    DepthRecord,
    EventFrameRecord,
    EventRecord,
    EventRepresentation,
    Float32Array,
    Float64Array,
    LidarRecord,
    Motion,
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
        representation: what the channels of event images are.
        window_ns: length of the window of events.
        deskew: whether sweeps are moved to where they would be at one instant.

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
        representation: EventRepresentation = "polarity_counts",
        window_ns: int = 50_000_000,
        deskew: bool = False,
    ) -> None:
        self._size = (width, height)
        self._normalisation = normalisation
        self._aligned = frozenset(aligned)
        self._extrinsics = extrinsics
        self._cameras = cameras
        self._min_range_m = min_range_m
        self._representation = representation
        self._window_ns = window_ns
        self._deskew = deskew
        self._motion: Motion | None = None
        self._reference = ReferenceCamera(width, height)
        self._event_format: tuple[int, int, str] | None = None
        self._event_map: tuple[object, EventMap] | None = None
        self._tensors: dict[str, Float32Array] = {}
        self._valid_pixels: dict[str, BoolArray] = {}
        self._registered: Float32Array | None = None

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height that the network sees."""
        return self._size

    @property
    def output_size(self) -> tuple[int, int]:
        """Width and height of the masks: the camera's own, pixel on pixel."""
        return self._reference.image_size or self._size

    @property
    def frame_id(self) -> str:
        """The reference camera's frame; empty before anything told it."""
        return self._reference.frame_id

    def set_camera(self, camera: Camera, frame_id: str) -> None:
        """Take a new reference camera.

        Raises:
            CalibrationError: it is of another size than the images; the one before stays.
        """
        if self._reference.set_camera(camera, frame_id):
            self._prepare_events()

    def set_motion(self, motion: Motion) -> None:
        """Take the robot's latest motion; it holds for the sweeps near its stamp."""
        self._motion = motion

    def see(self, record: Record) -> None:
        """Look at a reading as it arrives, long before its frame is due.

        An RGB image tells the size and frame of the masks, and a camera of another size is given
        up. A first packet of events tells the sensor's size, for which the look-up of its pixels
        is made.
        """
        if isinstance(record, RgbRecord):
            self._reference.see_image(record)
        elif isinstance(record, EventRecord):
            seen = (record.width, record.height, record.frame_id)
            if seen != self._event_format:
                self._event_format = seen
                self._prepare_events()

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
                return self._depth(record, normalisation, out)
            case LidarRecord():
                return self._lidar(record, end_ns, normalisation, out)
            case EventFrameRecord():
                self._require_aligned(sensor, record.frame_id)
                return _fill_rgb(record.image, normalisation, out)
            case EventRecord():
                self._events(records, end_ns, out)
                return normalise(out, None, normalisation, out)

    def label_points(self, sweep: LidarRecord, labels: UInt8Array, end_ns: int) -> UInt8Array:
        """Return a class for every point of a sweep from a mask of the camera's size, uint8 [N].

        Args:
            sweep: the points.
            labels: uint8 [H, W], the mask of the instant.
            end_ns: the instant, on the LiDAR's clock.

        Raises:
            CalibrationError: the camera or the LiDAR's place is not known.
            RecordError: the sweep is to be de-skewed and cannot be.
        """
        view = self._reference.require_view()
        camera_from_lidar = self._camera_from("lidar", view, sweep.frame_id)
        camera = view.full.scaled(labels.shape[1], labels.shape[0])
        points = self._points(sweep, end_ns, view, camera_from_lidar)
        return label_points(points, camera, camera_from_lidar, labels)

    def _lidar(
        self, record: LidarRecord, end_ns: int, normalisation: Normalisation, out: Float32Array
    ) -> Float32Array:
        view = self._reference.require_view()
        camera_from_lidar = self._camera_from("lidar", view, record.frame_id)
        project_lidar(
            self._points(record, end_ns, view, camera_from_lidar),
            view.scaled,
            camera_from_lidar,
            min_range_m=self._min_range_m,
            normalisation=normalisation,
            out=LidarImage(out, self._valid("lidar")),
        )
        return out

    def _points(
        self, sweep: LidarRecord, end_ns: int, view: View, camera_from_lidar: Float64Array
    ) -> Float32Array:
        if not self._deskew:
            return sweep.points
        motion = require_motion(self._motion, end_ns)
        camera_from_body = self._camera_from("body", view, motion.frame_id)
        return deskewed_points(sweep, end_ns, motion, camera_from_body, camera_from_lidar)

    def _depth(
        self, record: DepthRecord, normalisation: Normalisation, out: Float32Array
    ) -> Float32Array:
        image, valid = record.depth, self._valid("depth")
        if self._is_aligned("depth", record.frame_id):
            project_depth(
                image, record.metres_per_unit, *self._size, normalisation=normalisation,
                out=DepthImage(out, valid),
            )  # fmt: skip
            return out
        view = self._reference.require_view()
        plane = register_depth(
            image,
            record.metres_per_unit,
            self._own_camera("depth"),
            view.scaled,
            self._camera_from("depth", view, record.frame_id),
            out=DepthImage(self._metres(), valid),
        )
        return normalise(plane.channels, plane.valid, normalisation, out)

    def _events(self, records: Sequence[Record], end_ns: int, out: Float32Array) -> None:
        packets = [record for record in records if isinstance(record, EventRecord)]
        latest = packets[-1]
        lookup = self._event_lookup(latest.width, latest.height, latest.frame_id)
        draw_events(
            [packet.events for packet in packets], lookup, self._representation, end_ns,
            self._window_ns, out,
        )  # fmt: skip

    def _event_lookup(self, width: int, height: int, frame_id: str) -> EventMap:
        """Return where each event pixel falls; kept until sensor, camera or their places change."""
        if self._is_aligned("event", frame_id):
            camera = Camera(width, height, ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
            target, camera_from_event = camera.scaled(*self._size), np.eye(4)
        else:
            view = self._reference.require_view()
            camera, target = self._own_camera("event"), view.scaled
            camera_from_event = self._camera_from("event", view, frame_id)
        key = (camera, target, camera_from_event.tobytes())
        if self._event_map is None or self._event_map[0] != key:
            self._event_map = (key, event_map(camera, target, camera_from_event))
        return self._event_map[1]

    def _prepare_events(self) -> None:
        """Make the look-up of event pixels ahead of the first frame, where all it needs is known.

        Before the first packet the calibration may know the sensor.
        """
        camera = self._cameras.get("event")
        if self._event_format is not None:
            width, height, frame_id = self._event_format
        elif camera is not None:
            width, height, frame_id = camera.width, camera.height, ""
        else:
            return
        with suppress(CalibrationError):  # said again, and reported, when a frame needs it
            self._event_lookup(width, height, frame_id)

    def _tensor(self, sensor: str) -> Float32Array:
        if sensor not in self._tensors:
            width, height = self._size
            self._tensors[sensor] = np.zeros((3, height, width), np.float32)
        return self._tensors[sensor]

    def _valid(self, sensor: str) -> BoolArray:
        """Which pixels of a sensor's tensor hold something."""
        if sensor not in self._valid_pixels:
            width, height = self._size
            self._valid_pixels[sensor] = np.zeros((height, width), np.bool_)
        return self._valid_pixels[sensor]

    def _metres(self) -> Float32Array:
        """Registered depth before it is normalised."""
        if self._registered is None:
            width, height = self._size
            self._registered = np.zeros((3, height, width), np.float32)
        return self._registered

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

    def _camera_from(self, sensor: str, view: View, frame_id: str) -> Float64Array:
        return self._extrinsics.camera_from_sensor(sensor, view.frame_id, frame_id)


def _fill_rgb(image: UInt8Array, statistics: Normalisation, out: Float32Array) -> Float32Array:
    height, width = out.shape[1:]
    return resize_rgb(image, width, height, statistics.mean, statistics.std, out=out)
