"""Messages to typed records, without ROS.

A message is anything with the fields of its ROS type: rclpy's classes, or what ``rosbags`` reads
from a bag, whose arrays are numpy's.
"""

from anyseg_core.messages.camera_info import camera_from_info
from anyseg_core.messages.converters import (
    ConverterFactory,
    EventSize,
    RecordConverter,
    record_converters,
)
from anyseg_core.messages.event_packets import EventPacketConverter
from anyseg_core.messages.events import event_array_record, event_record
from anyseg_core.messages.fields import (
    cloud_fields,
    event_fields,
    image_fields,
    lidar_fields,
    pixel_fields,
)
from anyseg_core.messages.image_layouts import KNOWN_ENCODINGS
from anyseg_core.messages.images import depth_record, event_frame_record, rgb_record
from anyseg_core.messages.lidar import lidar_record
from anyseg_core.messages.odometry import motion_from_odometry
from anyseg_core.messages.stamps import stamp_to_ns

__all__ = [
    "KNOWN_ENCODINGS",
    "ConverterFactory",
    "EventPacketConverter",
    "EventSize",
    "RecordConverter",
    "camera_from_info",
    "cloud_fields",
    "depth_record",
    "event_array_record",
    "event_fields",
    "event_frame_record",
    "event_record",
    "image_fields",
    "lidar_fields",
    "lidar_record",
    "motion_from_odometry",
    "pixel_fields",
    "record_converters",
    "rgb_record",
    "stamp_to_ns",
]
