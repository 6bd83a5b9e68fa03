"""The way back: a record as the fields of the message that a driver would send, less its header.

The values are plain: numbers, texts, uint8 arrays. So a node and a bag's writer fill their own
message classes from the same dictionary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.messages.clouds import FIELD_CODES
from anyseg_core.types import DepthRecord, EventFrameRecord, RgbRecord, UInt8Array

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from anyseg_core.types import EventRecord, LidarRecord


def image_fields(record: RgbRecord | DepthRecord | EventFrameRecord) -> dict[str, Any]:
    """Return a record as the fields of an Image: rgb8, 16UC1 or 32FC1 (REP 118)."""
    if isinstance(record, DepthRecord):
        encoding = "16UC1" if record.depth.dtype == np.uint16 else "32FC1"
        return pixel_fields(record.depth, encoding)
    return pixel_fields(record.image, "rgb8")


def pixel_fields(pixels: NDArray[Any], encoding: str) -> dict[str, Any]:
    """Return an array [H, W] or [H, W, C] of an encoding's own type as the fields of an Image."""
    height, width = pixels.shape[:2]
    data = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<"))
    return {
        "height": height,
        "width": width,
        "encoding": encoding,
        "is_bigendian": 0,
        "step": data.nbytes // height,
        "data": _bytes_of(data),
    }


def lidar_fields(record: LidarRecord) -> dict[str, Any]:
    """Return a sweep as the fields of a PointCloud2: x, y, z and intensity, float32.

    Where the points have times, ``t`` int32 counts nanoseconds from the stamp.
    """
    layout = [(name, "<f4") for name in ("x", "y", "z", "intensity")]
    if record.point_t_ns is not None:
        layout.append(("t", "<i4"))
    cloud = np.empty(len(record.points), layout)
    for column, (name, _) in enumerate(layout[:4]):
        cloud[name] = record.points[:, column]
    if record.point_t_ns is not None:
        cloud["t"] = record.point_t_ns - record.stamp_ns
    return cloud_fields(cloud)


def event_fields(record: EventRecord) -> dict[str, Any]:
    """Return events as the fields of a PointCloud2: x, y, t (ns from the stamp) and p."""
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
    return cloud_fields(cloud)


def cloud_fields(cloud: NDArray[Any]) -> dict[str, Any]:
    """Return a structured array [N] of little-endian fields as the fields of a PointCloud2.

    ``fields`` holds a dictionary of name, offset, datatype and count for each PointField.
    """
    datatypes = {code: datatype for datatype, code in FIELD_CODES.items()}
    columns: Mapping[str, Any] = cloud.dtype.fields or {}
    return {
        "height": 1,
        "width": len(cloud),
        "fields": [
            {
                "name": name,
                "offset": int(offset),
                "datatype": datatypes[dtype.str[1:]],
                "count": 1,
            }
            for name, (dtype, offset, *_) in columns.items()
        ],
        "is_bigendian": False,
        "point_step": cloud.dtype.itemsize,
        "row_step": cloud.nbytes,
        "data": _bytes_of(cloud),
        "is_dense": True,
    }


def _bytes_of(array: NDArray[Any]) -> UInt8Array:
    return np.frombuffer(array.tobytes(), np.uint8)
