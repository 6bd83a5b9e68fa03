"""Subscriptions: each callback converts one message and hands it on; nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nav_msgs.msg import Odometry
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from anyseg_core.errors import AnysegError, RecordError
from anyseg_core.geometry import Camera
from anyseg_core.messages import (
    RecordConverter,
    camera_from_info,
    motion_from_odometry,
    record_converters,
)
from anyseg_core.types import Motion, Record, RgbRecord
from anyseg_ros.conversions.event_messages import EVENT_MESSAGES, event_message_class
from anyseg_ros.conversions.image_library import with_cv_bridge
from anyseg_ros.qos import incompatible_publishers

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.subscription import Subscription

    from anyseg_ros.parameters import NodeConfig

OnRecord = Callable[[str, Record], None]
OnCamera = Callable[[Camera, str], None]
OnMotion = Callable[[Motion], None]
OnRejected = Callable[[str, AnysegError], None]

_PICTURES = frozenset({"rgb", "event"})

CAMERA_INFO, ODOMETRY = "camera_info", "odometry"
"""Under these names problems of theirs are reported, beside the sensors' own names."""


class SensorInputs:
    """The node's input topics.

    Args:
        node: the node that subscribes.
        config: which sensors, and in which form they come.
        event_size: columns and rows of the event camera; None for those of the RGB images.
        on_record: takes each sensor's readings.
        on_camera: takes the reference camera and its frame.
        on_motion: takes how the robot moves, where sweeps are de-skewed.
        on_rejected: takes the name of the input and why its message was left out.
    """

    def __init__(
        self,
        node: Node,
        config: NodeConfig,
        event_size: tuple[int, int] | None,
        on_record: OnRecord,
        on_camera: OnCamera,
        on_motion: OnMotion,
        on_rejected: OnRejected,
    ) -> None:
        self._node = node
        self._config = config
        self._on_record = on_record
        self._on_camera = on_camera
        self._on_motion = on_motion
        self._on_rejected = on_rejected
        self._event_size = event_size
        self._image_size: tuple[int, int] | None = None
        self._subscriptions = [
            self._subscribe(CAMERA_INFO, CameraInfo, "rgb/camera_info", self._take_camera_info)
        ]
        sources = {
            "rgb": (*_image_type(config.rgb_transport), "rgb/image"),
            "depth": (*_image_type(config.depth_transport), "depth/image"),
            "event": (
                event_message_class(config.event_type),
                EVENT_MESSAGES[config.event_type],
                "events",
            ),
            "lidar": (PointCloud2, "sensor_msgs/msg/PointCloud2", "lidar/points"),
        }
        for sensor in config.pipeline.sensors:
            message_class, type_name, topic = sources[sensor]
            convert = record_converters[type_name, sensor](self._known_event_size)
            if sensor in _PICTURES and message_class is Image:
                convert = with_cv_bridge(convert)
            take = self._taker(sensor, convert)
            self._subscriptions.append(self._subscribe(sensor, message_class, topic, take))
        if config.pipeline.deskew:
            self._subscriptions.append(
                self._subscribe(ODOMETRY, Odometry, "odom", self._take_odometry)
            )

    def destroy(self) -> None:
        """Unsubscribe from every topic."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def publisher_counts(self) -> dict[str, int]:
        """Return how many publishers each topic has."""
        return {
            subscription.topic_name: self._node.count_publishers(subscription.topic_name)
            for subscription in self._subscriptions
        }

    def incompatible_publishers(self) -> dict[str, str]:
        """Return by topic the publishers whose QoS keeps their messages away, and why."""
        return incompatible_publishers(self._node, self._subscriptions)

    def _subscribe(
        self, name: str, message_type: Any, topic: str, take: Callable[[Any], None]
    ) -> Subscription[Any]:
        def guarded(message: Any) -> None:
            try:
                take(message)
            except AnysegError as error:
                self._on_rejected(name, error)
            except Exception as error:  # noqa: BLE001 - a node never dies of a message
                self._on_rejected(name, _unexpected(error))

        return self._node.create_subscription(
            message_type,
            topic,
            guarded,
            QoSProfile(depth=10, reliability=qos_profile_sensor_data.reliability),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    def _taker(self, sensor: str, convert: RecordConverter) -> Callable[[Any], None]:
        def take(message: Any) -> None:
            record = convert(message)
            if isinstance(record, RgbRecord):
                height, width = record.image.shape[:2]
                self._image_size = (width, height)
            self._on_record(sensor, record)

        return take

    def _known_event_size(self) -> tuple[int, int] | None:
        return self._event_size or self._image_size

    def _take_camera_info(self, message: CameraInfo) -> None:
        camera = camera_from_info(message, rectified=self._config.rectified)
        self._on_camera(camera, self._config.camera_frame or message.header.frame_id)

    def _take_odometry(self, message: Odometry) -> None:
        self._on_motion(motion_from_odometry(message))


def _image_type(transport: str) -> tuple[Any, str]:
    """Return the message class that an image_transport publishes, and its name."""
    if transport == "raw":
        return Image, "sensor_msgs/msg/Image"
    return CompressedImage, "sensor_msgs/msg/CompressedImage"


def _unexpected(error: Exception) -> RecordError:
    return RecordError(
        f"{type(error).__name__}: {error}",
        "a message that can be read",
        "please report this: the message should have been refused with a better reason",
    )
