"""Any reading as the message that a driver would send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyseg_core.types import EventRecord, LidarRecord, Record
from anyseg_ros.conversions.images import image_record_message
from anyseg_ros.conversions.pointclouds import events_message, lidar_message

if TYPE_CHECKING:
    from sensor_msgs.msg import Image, PointCloud2


def record_message(record: Record) -> Image | PointCloud2:
    """Return a reading as Image (RGB, depth, event frames) or PointCloud2 (LiDAR, events)."""
    if isinstance(record, LidarRecord):
        return lidar_message(record)
    if isinstance(record, EventRecord):
        return events_message(record)
    return image_record_message(record)
