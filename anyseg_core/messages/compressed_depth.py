"""Depth in sensor_msgs/CompressedImage, as compressed_depth_image_transport writes it.

A header of 12 bytes (an int32 format and two float32 parameters A and B, in the byte order of the
machine that wrote them: little-endian) stands before a PNG of 16 bits. For 16UC1 the PNG holds the
millimetres themselves. For 32FC1 it holds the quantised inverse depth q = A / depth + B, and 0
where there is none, so depth = A / (q - B) (compressed_depth_image_transport, codec.cpp).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import cv2
import numpy as np

from anyseg_core.errors import RecordError
from anyseg_core.messages.image_files import unpack_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.types import Float32Array, UInt8Array

TRANSPORT = "compressedDepth"
_HEADER = struct.Struct("<iff")


def decode_depth(data: UInt8Array, message_format: str) -> NDArray[np.uint16] | Float32Array:
    """Return the depth image of a CompressedImage: uint16 millimetres or float32 metres [H, W].

    Args:
        data: the message's data, uint8 [N].
        message_format: its ``format``: ``16UC1; compressedDepth png``, ``32FC1; compressedDepth``,
            or that of a plain PNG of 16 bits, which holds millimetres.

    Raises:
        RecordError: another format, or bytes that are no such image.
    """
    encoding = message_format.split(";", maxsplit=1)[0].strip()
    if TRANSPORT not in message_format:
        return _unpack(data, message_format)
    if encoding not in ("16UC1", "32FC1") or message_format.endswith("rvl"):
        raise RecordError(
            f"a depth image of format {message_format!r}",
            "16UC1 or 32FC1, compressed as png",
            "set the publisher's <topic>.compressedDepth.format parameter to png",
        )
    if len(data) <= _HEADER.size:
        raise _damaged(data, message_format)
    packed = _unpack(data[_HEADER.size :], message_format)
    if encoding == "16UC1":
        return packed
    _, factor, shift = _HEADER.unpack(data[: _HEADER.size].tobytes())
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        depth = np.float32(factor) / (packed.astype(np.float32) - np.float32(shift))
    depth[packed == 0] = np.nan
    return depth


def _unpack(data: UInt8Array, message_format: str) -> NDArray[np.uint16]:
    image = unpack_image(data, cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 2 or image.dtype != np.uint16:
        raise _damaged(data, message_format)
    return np.asarray(image, np.uint16)


def _damaged(data: UInt8Array, message_format: str) -> RecordError:
    return RecordError(
        f"a compressed depth image of {len(data)} bytes, format {message_format!r}",
        "a whole PNG of 16-bit grey, after 12 bytes of header in compressedDepth",
        "check the depth driver, the transport and the link",
    )
