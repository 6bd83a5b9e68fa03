"""Sweeps, events and labelled points as sensor_msgs/PointCloud2."""

from __future__ import annotations

import array
from typing import TYPE_CHECKING, Any

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField

from anyseg_core.messages import cloud_fields, event_fields, lidar_fields
from anyseg_ros.conversions.stamps import header_of

if TYPE_CHECKING:
    from anyseg_core.types import EventRecord, Float32Array, LidarRecord, UInt8Array


def events_message(record: EventRecord) -> PointCloud2:
    """Return events as points: x, y uint16, t uint32 nanoseconds from the stamp, p uint8."""
    return _message(event_fields(record), record.stamp_ns, record.frame_id)


def lidar_message(record: LidarRecord) -> PointCloud2:
    """Return a sweep as points: x, y, z, intensity, and t where the points have times."""
    return _message(lidar_fields(record), record.stamp_ns, record.frame_id)


def labelled_points_message(
    points: Float32Array, labels: UInt8Array, palette: UInt8Array, stamp_ns: int, frame_id: str
) -> PointCloud2:
    """Return points with their class and its colour.

    Args:
        points: float32 [N, 4], x, y, z, intensity.
        labels: uint8 [N], class ids; 255 where the camera does not see the point.
        palette: uint8 [256, 3], the colour of every label.
        stamp_ns: the sweep's stamp.
        frame_id: the LiDAR's frame.
    """
    layout = np.dtype(
        {
            "names": ["x", "y", "z", "rgb", "label"],
            "formats": ["<f4", "<f4", "<f4", "<u4", "u1"],
            "offsets": [0, 4, 8, 12, 16],
            "itemsize": 20,
        }
    )
    cloud = np.zeros(len(points), layout)
    cloud["x"], cloud["y"], cloud["z"] = points[:, 0], points[:, 1], points[:, 2]
    red, green, blue = palette[labels].astype(np.uint32).T
    cloud["rgb"] = red << 16 | green << 8 | blue
    cloud["label"] = labels
    message = _message(cloud_fields(cloud), stamp_ns, frame_id)
    # RViz reads packed colours from a field called rgb of type FLOAT32
    next(field for field in message.fields if field.name == "rgb").datatype = PointField.FLOAT32
    return message


def _message(fields: dict[str, Any], stamp_ns: int, frame_id: str) -> PointCloud2:
    fields["fields"] = [PointField(**field) for field in fields["fields"]]
    fields["data"] = array.array("B", fields["data"].tobytes())
    return PointCloud2(header=header_of(stamp_ns, frame_id), **fields)
