"""Subscriptions: each callback converts one message and hands it on; nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rclpy.qos import QoSProfile, qos_profile_sensor_data
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from anyseg_core.errors import AnysegError, RecordError
from anyseg_core.geometry import Camera
from anyseg_core.types import Record
from anyseg_ros.conversions.camera_info import camera_from_info
from anyseg_ros.conversions.event_packets import EventPacketConverter, event_packet_type
from anyseg_ros.conversions.images import depth_record, event_frame_record, rgb_record
from anyseg_ros.conversions.pointclouds import event_record, lidar_record

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.subscription import Subscription

    from anyseg_ros.parameters import NodeConfig

OnRecord = Callable[[str, Record], None]
OnCamera = Callable[[Camera, str], None]
OnRejected = Callable[[str, AnysegError], None]

CAMERA_INFO = "camera_info"
"""Under this name problems of the camera info are reported, beside the sensors' own names."""


class SensorInputs:
    """The node's input topics.

    Args:
        node: the node that subscribes.
        config: which sensors, and in which form they come.
        event_size: columns and rows of the event camera; None for those of the RGB images.
        on_record: takes each sensor's readings.
        on_camera: takes the reference camera and its frame.
        on_rejected: takes the name of the input and why its message was left out.
    """

    def __init__(
        self,
        node: Node,
        config: NodeConfig,
        event_size: tuple[int, int] | None,
        on_record: OnRecord,
        on_camera: OnCamera,
        on_rejected: OnRejected,
    ) -> None:
        self._node = node
        self._config = config
        self._on_record = on_record
        self._on_camera = on_camera
        self._on_rejected = on_rejected
        self._event_size = event_size
        self._image_size: tuple[int, int] | None = None
        self._subscriptions = [
            self._subscribe(CAMERA_INFO, CameraInfo, "rgb/camera_info", self._take_camera_info)
        ]
        sources = {
            "rgb": (CompressedImage if config.compressed else Image, "rgb/image", self._rgb),
            "depth": (Image, "depth/image", depth_record),
            "event": (*self._event_source(),),
            "lidar": (PointCloud2, "lidar/points", lidar_record),
        }
        for sensor in config.pipeline.sensors:
            message_type, topic, convert = sources[sensor]
            take = self._taker(sensor, convert)
            self._subscriptions.append(self._subscribe(sensor, message_type, topic, take))

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

    def _taker(self, sensor: str, convert: Callable[[Any], Record]) -> Callable[[Any], None]:
        return lambda message: self._on_record(sensor, convert(message))

    def _rgb(self, message: Image | CompressedImage) -> Record:
        record = rgb_record(message)
        height, width = record.image.shape[:2]
        self._image_size = (width, height)
        return record

    def _event_source(self) -> tuple[Any, str, Callable[[Any], Record]]:
        if self._config.event_type == "image":
            return Image, "events", event_frame_record
        if self._config.event_type == "event_packet":
            return event_packet_type(), "events", EventPacketConverter().record
        return PointCloud2, "events", self._event_points

    def _event_points(self, message: PointCloud2) -> Record:
        size = self._event_size or self._image_size
        if size is None:
            raise RecordError(
                "events as points before any RGB image told the sensor's size",
                "event.width and event.height, or one RGB image",
                "set the two parameters to the event camera's size",
            )
        return event_record(message, *size)

    def _take_camera_info(self, message: CameraInfo) -> None:
        camera = camera_from_info(message, rectified=self._config.rectified)
        self._on_camera(camera, self._config.camera_frame or message.header.frame_id)


def _unexpected(error: Exception) -> RecordError:
    return RecordError(
        f"{type(error).__name__}: {error}",
        "a message that can be read",
        "please report this: the message should have been refused with a better reason",
    )
