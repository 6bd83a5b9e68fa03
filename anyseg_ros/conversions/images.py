"""sensor_msgs/Image and CompressedImage to arrays and back.

The formats themselves are a library's work (``image_library``). What no library checks is checked
here first: that the message holds the bytes that its header promises.
"""

from __future__ import annotations

import array
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image

from anyseg_core.errors import RecordError
from anyseg_core.types import DepthRecord, EventFrameRecord, RgbRecord, UInt8Array
from anyseg_ros.conversions.image_library import to_rgb
from anyseg_ros.conversions.stamps import header_of, stamp_to_ns

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEPTH_METRES_PER_UNIT = {"16UC1": 0.001, "mono16": 0.001, "32FC1": 1.0}
"""REP 118: 16UC1 holds millimetres, 32FC1 metres."""

_LAYOUTS = {
    **dict.fromkeys(("rgb8", "bgr8", "8UC3"), ("u1", 3)),
    **dict.fromkeys(("rgba8", "bgra8", "8UC4"), ("u1", 4)),
    **dict.fromkeys(("rgb16", "bgr16", "16UC3"), ("u2", 3)),
    **dict.fromkeys(("rgba16", "bgra16"), ("u2", 4)),
    **dict.fromkeys(("mono8", "8UC1"), ("u1", 1)),
    **dict.fromkeys(("mono16", "16UC1"), ("u2", 1)),
    **dict.fromkeys(("yuv422", "uyvy", "yuv422_yuy2", "yuyv"), ("u1", 2)),
    **{f"bayer_{order}8": ("u1", 1) for order in ("rggb", "bggr", "gbrg", "grbg")},
    **{f"bayer_{order}16": ("u2", 1) for order in ("rggb", "bggr", "gbrg", "grbg")},
    "32FC1": ("f4", 1),
}
"""Type and number of values per pixel of each encoding (sensor_msgs/image_encodings)."""

_NOT_COLOURS = ("16UC1", "16UC3", "32FC1")

MAX_PIXELS = 64_000_000
"""Larger images are refused before anything is allocated for them."""


def rgb_record(message: Image | CompressedImage) -> RgbRecord:
    """Return a colour image as RGB.

    Raises:
        RecordError: an encoding that is no colour or grey image, or bytes that do not add up.
    """
    return RgbRecord(stamp_to_ns(message.header.stamp), message.header.frame_id, _as_rgb(message))


def event_frame_record(message: Image) -> EventFrameRecord:
    """Return an image into which the driver has rendered its events.

    Raises:
        RecordError: as ``rgb_record``.
    """
    return EventFrameRecord(
        stamp_to_ns(message.header.stamp), message.header.frame_id, _as_rgb(message)
    )


def depth_record(message: Image) -> DepthRecord:
    """Return a depth image (REP 118).

    Raises:
        RecordError: an encoding other than 16UC1 or 32FC1, or bytes that do not add up.
    """
    metres_per_unit = DEPTH_METRES_PER_UNIT.get(message.encoding)
    if metres_per_unit is None:
        raise RecordError(
            f"depth encoding {message.encoding!r}",
            "16UC1 (millimetres) or 32FC1 (metres), as REP 118 has it",
            "let the depth driver publish one of these, or give the right topic",
        )
    depth = _pixels(message)
    return DepthRecord(
        stamp_to_ns(message.header.stamp), message.header.frame_id, depth, metres_per_unit
    )


def image_message(pixels: UInt8Array, encoding: str, stamp_ns: int, frame_id: str) -> Image:
    """Return a uint8 [H, W] or [H, W, C] array as an Image."""
    height, width = pixels.shape[:2]
    return Image(
        header=header_of(stamp_ns, frame_id),
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=pixels.nbytes // height,
        # an array.array is taken over as it is; any other sequence is checked byte by byte
        data=array.array("B", pixels.tobytes()),
    )


def depth_message(record: DepthRecord) -> Image:
    """Return a depth image as 16UC1 or 32FC1 (REP 118)."""
    height, width = record.depth.shape
    encoding = "16UC1" if record.depth.dtype == np.uint16 else "32FC1"
    return Image(
        header=header_of(record.stamp_ns, record.frame_id),
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=record.depth.nbytes // height,
        data=array.array("B", record.depth.tobytes()),
    )


def _as_rgb(message: Image | CompressedImage) -> UInt8Array:
    if isinstance(message, CompressedImage):
        return _decompress(message)
    if message.encoding not in _LAYOUTS or message.encoding in _NOT_COLOURS:
        raise RecordError(
            f"image encoding {message.encoding!r}",
            "rgb8, bgr8, rgba8, bgra8, mono8, mono16, yuv422 or a bayer pattern",
            "choose one of these in the camera driver",
        )
    if message.encoding in {"rgb8", "8UC3"}:
        return _pixels(message)
    return to_rgb(_without_padding(message))


def _decompress(message: CompressedImage) -> UInt8Array:
    data = np.frombuffer(message.data, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if len(data) else None
    if image is None:
        raise RecordError(
            f"a compressed image of {len(data)} bytes, format {message.format!r}",
            "a whole JPEG or PNG file",
            "check the camera driver and the link: the file is damaged or of another kind",
        )
    return np.asarray(image, np.uint8)


def _pixels(message: Image) -> NDArray[Any]:
    """Return the message's own pixels, without a copy where the byte order allows it."""
    typestr, channels = _LAYOUTS[message.encoding]
    dtype = np.dtype(typestr).newbyteorder(">" if message.is_bigendian else "<")
    _check_layout(message, dtype.itemsize * channels)
    shape = (message.height, message.width) + ((channels,) if channels > 1 else ())
    strides = (message.step, dtype.itemsize * channels, dtype.itemsize)[: len(shape)]
    pixels: NDArray[Any] = np.ndarray(shape, dtype, message.data, strides=strides)
    return pixels if dtype.isnative else pixels.astype(dtype.newbyteorder("="))


def _without_padding(message: Image) -> Image:
    """Return an image whose rows follow each other without a gap: what the libraries take."""
    typestr, channels = _LAYOUTS[message.encoding]
    pixel_bytes = np.dtype(typestr).itemsize * channels
    _check_layout(message, pixel_bytes)
    row_bytes = message.width * pixel_bytes
    if message.step == row_bytes:
        return message
    rows = np.ndarray(
        (message.height, row_bytes), np.uint8, message.data, strides=(message.step, 1)
    )
    return Image(
        header=message.header,
        height=message.height,
        width=message.width,
        encoding=message.encoding,
        is_bigendian=message.is_bigendian,
        step=row_bytes,
        data=array.array("B", rows.tobytes()),
    )


def _check_layout(message: Image, pixel_bytes: int) -> None:
    row_bytes = message.width * pixel_bytes
    size_fits = 0 < message.width * message.height <= MAX_PIXELS
    if size_fits and message.step >= row_bytes and len(message.data) >= _needed(message, row_bytes):
        return
    raise RecordError(
        f"a {message.width} x {message.height} {message.encoding} image with step {message.step} "
        f"and {len(message.data)} bytes",
        f"1 to {MAX_PIXELS} pixels, a step of at least {row_bytes} bytes and height x step bytes",
        "correct width, height, step and data in the driver",
    )


def _needed(message: Image, row_bytes: int) -> int:
    return int(message.step) * (int(message.height) - 1) + row_bytes
