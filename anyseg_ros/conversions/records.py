"""Any reading as the message that a driver would send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyseg_core.types import DepthRecord, EventFrameRecord, LidarRecord, Record, RgbRecord
from anyseg_ros.conversions.images import depth_message, image_message
from anyseg_ros.conversions.pointclouds import events_message, lidar_message

if TYPE_CHECKING:
    from sensor_msgs.msg import Image, PointCloud2


def record_message(record: Record) -> Image | PointCloud2:
    """Return a reading as Image (RGB, depth, event frames) or PointCloud2 (LiDAR, events)."""
    if isinstance(record, RgbRecord | EventFrameRecord):
        return image_message(record.image, "rgb8", record.stamp_ns, record.frame_id)
    if isinstance(record, DepthRecord):
        return depth_message(record)
    if isinstance(record, LidarRecord):
        return lidar_message(record)
    return events_message(record)
