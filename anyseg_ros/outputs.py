"""Publishers: a mask and its confidence for every frame, pictures only when somebody looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import String

from anyseg_ros.conversions.images import image_message
from anyseg_ros.conversions.labels import LabelInfo, label_info_message, label_names_message
from anyseg_ros.conversions.pointclouds import labelled_points_message
from anyseg_ros.conversions.stamps import header_of

if TYPE_CHECKING:
    from rclpy.lifecycle import LifecycleNode

    from anyseg_core.classes import ClassSet
    from anyseg_core.pipeline import Pipeline
    from anyseg_core.segmentation import Segmentation
    from anyseg_core.types import UInt8Array

OVERLAY_OPACITY = 0.5
LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)


class Outputs:
    """The node's output topics.

    Args:
        node: the node that publishes.
        classes: the network's classes.
    """

    def __init__(self, node: LifecycleNode, classes: ClassSet) -> None:
        self._node = node
        self._classes = classes
        self._palette = classes.palette()
        self._publishers: list[Any] = []
        self._mask = self._advertise(Image, "~/segmentation", 5)
        self._confidence = self._advertise(Image, "~/confidence", 5)
        self._color = self._advertise(Image, "~/color", 5)
        self._overlay = self._advertise(Image, "~/overlay", 5)
        self._points = self._advertise(PointCloud2, "~/points", 5)
        self._status = self._advertise(DiagnosticArray, "~/status", 10)
        self._diagnostics = self._advertise(DiagnosticArray, "/diagnostics", 10)
        self._label_names = self._advertise(String, "~/label_names", LATCHED)
        label_type = LabelInfo if LabelInfo is not None else String
        self._label_info = self._advertise(label_type, "~/label_info", LATCHED)

    def destroy(self) -> None:
        """Take every topic back."""
        for publisher in self._publishers:
            self._node.destroy_lifecycle_publisher(publisher)

    def publish_labels(self) -> None:
        """Publish the classes, latched, before the first mask."""
        names = label_names_message(self._classes)
        self._label_names.publish(names)
        if LabelInfo is None:
            self._label_info.publish(names)
        else:
            header = header_of(self._node.get_clock().now().nanoseconds, "")
            self._label_info.publish(label_info_message(self._classes, header))

    def publish_status(self, status: DiagnosticArray) -> None:
        """Publish what became of each sensor in one frame."""
        self._status.publish(status)

    def publish_diagnostics(self, diagnostics: DiagnosticArray) -> None:
        """Publish the node's part of /diagnostics (REP 107)."""
        self._diagnostics.publish(diagnostics)

    def publish(self, result: Segmentation, pipeline: Pipeline) -> None:
        """Publish one frame; what nobody subscribes to is not even made."""
        stamp_ns, frame_id = result.stamp_ns, result.frame_id
        self._mask.publish(image_message(result.labels, "mono8", stamp_ns, frame_id))
        self._confidence.publish(image_message(result.confidence, "mono8", stamp_ns, frame_id))
        if self._color.get_subscription_count():
            color = self._palette[result.labels]
            self._color.publish(image_message(color, "rgb8", stamp_ns, frame_id))
        if self._overlay.get_subscription_count():
            picture = overlay(result, result.rgb_image, self._palette)
            self._overlay.publish(image_message(picture, "rgb8", stamp_ns, frame_id))
        if self._points.get_subscription_count():
            self._publish_points(result, pipeline)

    def _publish_points(self, result: Segmentation, pipeline: Pipeline) -> None:
        labelled = pipeline.label_points(result)
        if labelled is not None:
            sweep, labels = labelled
            self._points.publish(
                labelled_points_message(
                    sweep.points, labels, self._palette, sweep.stamp_ns, sweep.frame_id
                )
            )

    def _advertise(self, message_type: Any, topic: str, qos: QoSProfile | int) -> Any:
        publisher = self._node.create_lifecycle_publisher(message_type, topic, qos)
        self._publishers.append(publisher)
        return publisher


def overlay(result: Segmentation, image: UInt8Array | None, palette: UInt8Array) -> UInt8Array:
    """Return uint8 [H, W, 3]: the classes' colours over the RGB image, over black without one."""
    color = palette[result.labels]
    if image is None:
        return color
    if image.shape != color.shape:
        image = np.asarray(cv2.resize(image, color.shape[1::-1]), np.uint8)
    blended = cv2.addWeighted(color, OVERLAY_OPACITY, image, 1 - OVERLAY_OPACITY, 0)
    return np.asarray(blended, np.uint8)
