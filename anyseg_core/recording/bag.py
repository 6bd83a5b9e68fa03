"""Simulated drives as a rosbag2, with all that a real rig records and the true classes."""

from __future__ import annotations

from importlib import import_module
from itertools import chain
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from anyseg_core.errors import ConfigurationError, MissingDependencyError
from anyseg_core.messages import event_fields, image_fields, lidar_fields, pixel_fields
from anyseg_core.recording.drive import PERIOD_NS, drive
from anyseg_core.recording.transforms import VEHICLE_FRAME, quaternion_of, sensor_poses
from anyseg_core.simulation import mounting
from anyseg_core.types import NS_PER_S, DepthRecord, EventRecord, LidarRecord, RgbRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from anyseg_core.recording.drive import Reading
    from anyseg_core.simulation import RigConfig

EPOCH_NS = 1_767_225_600_000_000_000
"""What a drive's time 0 is stamped with: the start of the year 2026."""

STORAGES: tuple[str, ...] = ("mcap", "sqlite3")

TOPICS: dict[str, tuple[str, str]] = {
    "rgb": ("/rgb/image", "sensor_msgs/msg/Image"),
    "camera_info": ("/rgb/camera_info", "sensor_msgs/msg/CameraInfo"),
    "depth": ("/depth/image", "sensor_msgs/msg/Image"),
    "event": ("/events", "sensor_msgs/msg/PointCloud2"),
    "lidar": ("/lidar/points", "sensor_msgs/msg/PointCloud2"),
    "labels": ("/ground_truth/segmentation", "sensor_msgs/msg/Image"),
    "tf_static": ("/tf_static", "tf2_msgs/msg/TFMessage"),
}
"""Topic and type; the names are the node's default inputs."""


def write_bag(
    folder: Path, config: RigConfig, seconds: float, storage: str, workers: int = 1
) -> Iterator[int]:
    """Write a drive and yield, after each tenth of a second of it, the messages so far.

    The same rig and length give the same bytes, with any number of workers.

    Args:
        folder: of the bag; must not exist.
        config: street, image size, weather and sensors.
        seconds: length of the drive, at least a tenth of a second.
        storage: one of ``STORAGES``.
        workers: processes that render at the same time; with 1 it is done in this one.

    Raises:
        ConfigurationError: the folder exists, or the length or storage makes no sense.
        MissingDependencyError: ``rosbags`` or the simulator's ray caster is not installed.
    """
    duration_ns = round(seconds * NS_PER_S) if 0.0 <= seconds <= 86_400.0 else 0
    if duration_ns < PERIOD_NS or storage not in STORAGES:
        raise ConfigurationError(
            f"a drive of {seconds} s for {storage}",
            f"0.1 to 86400 s, and {' or '.join(STORAGES)}",
            "correct them",
        )
    if folder.exists():
        raise ConfigurationError(
            f"{folder}, which exists", "a new folder for the bag", "move it, or choose another"
        )
    readings = drive(config, duration_ns, workers)
    first = next(readings)  # a rig that cannot be rendered leaves no folder behind
    with _BagWriter(folder, config, storage) as bag:
        for reading in chain((first,), readings):
            bag.take(reading)
            if reading.sensor == "depth":
                yield bag.messages


class _BagWriter:
    """Turns readings into messages; a context manager."""

    def __init__(self, folder: Path, rig: RigConfig, storage: str) -> None:
        try:
            rosbag2, typesys = import_module("rosbags.rosbag2"), import_module("rosbags.typesys")
            self._qos: Any = import_module("rosbags.interfaces")
        except ImportError as error:
            raise MissingDependencyError(
                "no package rosbags", "it, to write bags", "run: pip install 'anyseg_ros[bags]'"
            ) from error
        self._rig = rig
        self._store: Any = typesys.get_typestore(typesys.Stores.ROS2_JAZZY)
        plugin = rosbag2.StoragePlugin[storage.upper()]
        self._writer: Any = rosbag2.Writer(folder, version=9, storage_plugin=plugin)
        self._connections: dict[str, Any] = {}
        self.messages = 0

    def __enter__(self) -> Self:
        self._writer.open()
        for name, (topic, kind) in TOPICS.items():
            self._connections[name] = self._writer.add_connection(
                topic, kind, typestore=self._store,
                offered_qos_profiles=[self._profile(latched=name == "tf_static")],
            )  # fmt: skip
        self._write("tf_static", EPOCH_NS, self._transforms())
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def take(self, reading: Reading) -> None:
        """Write one reading, and with each RGB image the camera's info."""
        out_ns = EPOCH_NS + reading.out_ns
        record = reading.record
        if isinstance(record, np.ndarray):
            fields = pixel_fields(record, "mono8")
            message = self._message("labels", out_ns, mounting.CAMERA_FRAME, fields)
            self._write("labels", out_ns, message)
            return
        fields = {}
        if isinstance(record, RgbRecord | DepthRecord):
            fields = image_fields(record)
        elif isinstance(record, LidarRecord):
            fields = self._cloud(lidar_fields(record))
        elif isinstance(record, EventRecord):
            fields = self._cloud(event_fields(record))
        stamp_ns = EPOCH_NS + record.stamp_ns
        message = self._message(reading.sensor, stamp_ns, record.frame_id, fields)
        self._write(reading.sensor, out_ns, message)
        if reading.sensor == "rgb":
            info = self._message("camera_info", stamp_ns, record.frame_id, self._camera_info())
            self._write("camera_info", out_ns, info)

    def _write(self, name: str, out_ns: int, message: object) -> None:
        data = self._store.serialize_cdr(message, TOPICS[name][1])
        self._writer.write(self._connections[name], out_ns, data)
        self.messages += 1

    def _make(self, kind: str, **fields: Any) -> Any:  # noqa: ANN401 - messages have no types
        return self._store.types[kind](**fields)

    def _header(self, stamp_ns: int, frame_id: str) -> Any:  # noqa: ANN401 - as above
        seconds, nanoseconds = divmod(stamp_ns, NS_PER_S)
        stamp = self._make("builtin_interfaces/msg/Time", sec=seconds, nanosec=nanoseconds)
        return self._make("std_msgs/msg/Header", stamp=stamp, frame_id=frame_id)

    def _message(self, name: str, stamp_ns: int, frame_id: str, fields: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as above
        return self._make(TOPICS[name][1], header=self._header(stamp_ns, frame_id), **fields)

    def _cloud(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        points = [self._make("sensor_msgs/msg/PointField", **field) for field in fields["fields"]]
        return {**fields, "fields": points}

    def _camera_info(self) -> dict[str, Any]:
        matrix = mounting.camera_matrix(self._rig)
        region = self._make(
            "sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0,
            do_rectify=False,
        )  # fmt: skip
        return {
            "height": self._rig.height,
            "width": self._rig.width,
            "distortion_model": "plumb_bob",
            "d": np.zeros(5),
            "k": matrix.ravel(),
            "r": np.eye(3).ravel(),
            "p": np.column_stack([matrix, np.zeros(3)]).ravel(),
            "binning_x": 0,
            "binning_y": 0,
            "roi": region,
        }

    def _transforms(self) -> Any:  # noqa: ANN401 - as above
        transforms = []
        for frame, pose in sensor_poses().items():
            x, y, z = (float(value) for value in pose[:3, 3])
            qx, qy, qz, qw = quaternion_of(pose[:3, :3])
            transform = self._make(
                "geometry_msgs/msg/Transform",
                translation=self._make("geometry_msgs/msg/Vector3", x=x, y=y, z=z),
                rotation=self._make("geometry_msgs/msg/Quaternion", x=qx, y=qy, z=qz, w=qw),
            )
            transforms.append(
                self._make(
                    "geometry_msgs/msg/TransformStamped",
                    header=self._header(EPOCH_NS, VEHICLE_FRAME),
                    child_frame_id=frame,
                    transform=transform,
                )
            )
        return self._make("tf2_msgs/msg/TFMessage", transforms=transforms)

    def _profile(self, *, latched: bool) -> Any:  # noqa: ANN401 - as above
        qos = self._qos
        endless = qos.QosTime(9223372036, 854775807)  # as rosbag2 writes infinity
        durability = qos.QosDurability.TRANSIENT_LOCAL if latched else qos.QosDurability.VOLATILE
        return qos.Qos(
            qos.QosHistory.KEEP_LAST, 10, qos.QosReliability.RELIABLE, durability, endless,
            endless, qos.QosLiveliness.AUTOMATIC, endless, False,  # noqa: FBT003 - a plain tuple
        )  # fmt: skip
