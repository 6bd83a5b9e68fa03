"""sensor_msgs/PointCloud2 to LiDAR points or events, and labelled points back.

A cloud is read as a structured view over the message's own bytes, so any order of fields, padding,
byte order, and organised or not, costs nothing extra.
"""

from __future__ import annotations

import array
from typing import TYPE_CHECKING, Any

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField

from anyseg_core.errors import RecordError
from anyseg_core.types import (
    EventArray,
    EventRecord,
    Float32Array,
    LidarRecord,
    UInt8Array,
)
from anyseg_ros.conversions.stamps import NS_PER_S, header_of, stamp_to_ns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MAX_POINTS = 20_000_000
"""Larger clouds are refused before anything is allocated for them."""

_DTYPES = {
    PointField.INT8: "i1",
    PointField.UINT8: "u1",
    PointField.INT16: "i2",
    PointField.UINT16: "u2",
    PointField.INT32: "i4",
    PointField.UINT32: "u4",
    PointField.FLOAT32: "f4",
    PointField.FLOAT64: "f8",
}
_INTENSITY_NAMES = ("intensity", "i", "reflectivity", "reflectance")
"""What drivers call the returned strength, in the order in which it is looked for."""


def lidar_record(message: PointCloud2) -> LidarRecord:
    """Return a sweep as float32 [N, 4]: x, y, z and intensity (0 where the driver gives none).

    Raises:
        RecordError: no x, y, z, no points at all, or bytes that do not add up.
    """
    cloud = _structured(message, required=("x", "y", "z"))
    if not cloud.size:
        raise RecordError(
            "a point cloud without points", "at least one point", "check the LiDAR and its filters"
        )
    names = cloud.dtype.names or ()
    intensity = next((name for name in _INTENSITY_NAMES if name in names), None)
    points = np.zeros((cloud.size, 4), np.float32)
    for column, name in enumerate(("x", "y", "z", intensity)):
        if name is not None:
            points[:, column] = cloud[name]
    if not np.isfinite(points[:, :3]).all(axis=1).any():
        raise RecordError(
            f"a point cloud whose {cloud.size} points are all NaN or Inf",
            "at least one point with finite x, y, z",
            "check that the LiDAR's window is clear",
        )
    return LidarRecord(stamp_to_ns(message.header.stamp), message.header.frame_id, points)


def event_record(message: PointCloud2, width: int, height: int) -> EventRecord:
    """Return events given as points with fields x, y, t and p.

    An integer ``t`` counts nanoseconds from the header's stamp, a floating one seconds.

    Args:
        message: the cloud.
        width: columns of the event camera, in pixels.
        height: rows of the event camera, in pixels.

    Raises:
        RecordError: a field is missing, or the bytes do not add up.
    """
    cloud = _structured(message, required=("x", "y", "t", "p"))
    stamp_ns = stamp_to_ns(message.header.stamp)
    offset = cloud["t"]
    if offset.dtype.kind == "f":
        offset = np.nan_to_num(offset * NS_PER_S)
    events = EventArray(
        x=_pixels(cloud["x"]),
        y=_pixels(cloud["y"]),
        t_ns=stamp_ns + offset.astype(np.int64),
        p=(cloud["p"] > 0).astype(np.uint8),
    )
    return EventRecord(stamp_ns, message.header.frame_id, events, width, height)


def events_message(record: EventRecord) -> PointCloud2:
    """Return events as points: x, y uint16, t uint32 nanoseconds from the stamp, p uint8."""
    layout = np.dtype(
        {
            "names": ["x", "y", "t", "p"],
            "formats": ["<u2", "<u2", "<u4", "u1"],
            "offsets": [0, 2, 4, 8],
            "itemsize": 12,
        }
    )
    cloud = np.zeros(len(record.events), layout)
    cloud["x"], cloud["y"], cloud["p"] = record.events.x, record.events.y, record.events.p
    cloud["t"] = record.events.t_ns - record.stamp_ns
    return _message(cloud, record.stamp_ns, record.frame_id)


def lidar_message(record: LidarRecord) -> PointCloud2:
    """Return a sweep as points: x, y, z and intensity, float32."""
    layout = np.dtype([(name, "<f4") for name in ("x", "y", "z", "intensity")])
    cloud = np.ascontiguousarray(record.points, np.float32).view(layout)[:, 0]
    return _message(cloud, record.stamp_ns, record.frame_id)


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
    message = _message(cloud, stamp_ns, frame_id)
    # RViz reads packed colours from a field called rgb of type FLOAT32
    next(field for field in message.fields if field.name == "rgb").datatype = PointField.FLOAT32
    return message


def _structured(message: PointCloud2, required: tuple[str, ...]) -> NDArray[Any]:
    names = [field.name for field in message.fields]
    missing = [name for name in required if name not in names]
    if missing:
        raise RecordError(
            f"a point cloud with fields {', '.join(names) or 'none'}",
            f"the fields {', '.join(required)}",
            f"add {', '.join(missing)} in the driver, or give the right topic",
        )
    _check_layout(message)
    order = ">" if message.is_bigendian else "<"
    fields = [field for field in message.fields if field.datatype in _DTYPES and field.count == 1]
    layout = np.dtype(
        {
            "names": [field.name for field in fields],
            "formats": [order + _DTYPES[field.datatype] for field in fields],
            "offsets": [field.offset for field in fields],
            "itemsize": message.point_step,
        }
    )
    rows = np.ndarray(
        (message.height, message.width),
        layout,
        message.data,
        strides=(message.row_step, message.point_step),
    )
    return rows.reshape(-1)


def _check_layout(message: PointCloud2) -> None:
    width, height = int(message.width), int(message.height)
    row_bytes = width * int(message.point_step)
    needed = int(message.row_step) * (height - 1) + row_bytes if height and width else 0
    ends = [
        field.offset + np.dtype(_DTYPES[field.datatype]).itemsize
        for field in message.fields
        if field.datatype in _DTYPES
    ]
    rows_fit = height <= 1 or message.row_step >= row_bytes
    sound = message.point_step > 0 and max(ends, default=0) <= message.point_step and rows_fit
    sound = sound and len(ends) == len(message.fields) and width * height <= MAX_POINTS
    if sound and needed <= len(message.data):
        return
    raise RecordError(
        f"a {width} x {height} point cloud with point_step {message.point_step}, row_step "
        f"{message.row_step} and {len(message.data)} bytes",
        f"at most {MAX_POINTS} points, every field of a known type inside point_step, and "
        "height x row_step bytes",
        "correct the layout in the driver",
    )


def _pixels(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Return coordinates as uint16; what no sensor can have becomes 65535, off every image."""
    inside = (values >= 0) & (values < 65535)
    return np.where(inside, values, 65535).astype(np.uint16)


def _message(cloud: NDArray[Any], stamp_ns: int, frame_id: str) -> PointCloud2:
    codes = {code: datatype for datatype, code in _DTYPES.items()}
    offsets: Mapping[str, Any] = cloud.dtype.fields or {}
    message = PointCloud2(
        header=header_of(stamp_ns, frame_id),
        height=1,
        width=len(cloud),
        fields=[
            PointField(name=name, offset=entry[1], datatype=codes[entry[0].str[1:]], count=1)
            for name, entry in offsets.items()
        ],
        is_bigendian=False,
        point_step=cloud.dtype.itemsize,
        row_step=cloud.nbytes,
        is_dense=True,
    )
    message.data = array.array("B", cloud.tobytes())
    return message
