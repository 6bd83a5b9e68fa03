"""Arrays as sensor_msgs/Image."""

from __future__ import annotations

import array
from typing import TYPE_CHECKING, Any

import numpy as np
from sensor_msgs.msg import Image

from anyseg_core.messages import image_fields, pixel_fields
from anyseg_ros.conversions.stamps import header_of

if TYPE_CHECKING:
    from anyseg_core.types import DepthRecord, EventFrameRecord, RgbRecord, UInt8Array


def image_message(pixels: UInt8Array, encoding: str, stamp_ns: int, frame_id: str) -> Image:
    """Return a uint8 [H, W] or [H, W, C] array as an Image."""
    return _message(pixel_fields(pixels, encoding), stamp_ns, frame_id)


def image_record_message(record: RgbRecord | DepthRecord | EventFrameRecord) -> Image:
    """Return a record as an Image: rgb8, or 16UC1 or 32FC1 (REP 118)."""
    return _message(image_fields(record), record.stamp_ns, record.frame_id)


def _message(fields: dict[str, Any], stamp_ns: int, frame_id: str) -> Image:
    pixels = np.ascontiguousarray(fields.pop("data"))
    message = Image(header=header_of(stamp_ns, frame_id), **fields)
    # set afterwards, as the constructor copies it; an array.array alone is not checked byte by byte
    message.data = array.array("B")
    message.data.frombytes(pixels.reshape(-1).view(np.uint8))
    return message
