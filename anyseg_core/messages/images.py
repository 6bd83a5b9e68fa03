"""sensor_msgs/Image and CompressedImage to colour, depth and event-frame records.

Every image is decoded by numpy and OpenCV alone, so that the same message gives the same bytes
whether it comes over a topic or out of a bag, and whatever else is installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from anyseg_core.errors import RecordError
from anyseg_core.messages.compressed_depth import decode_depth
from anyseg_core.messages.image_files import unpack_image
from anyseg_core.messages.image_layouts import (
    COLOUR_LAYOUTS,
    DEPTH_LAYOUTS,
    MAX_PIXELS,
    Layout,
    pixels_of,
)
from anyseg_core.messages.stamps import stamp_to_ns
from anyseg_core.types import DepthRecord, EventFrameRecord, RgbRecord, UInt8Array

if TYPE_CHECKING:
    from numpy.typing import NDArray


def rgb_record(message: Any) -> RgbRecord:  # noqa: ANN401 - messages carry no type information
    """Return an Image or CompressedImage of colours or greys as RGB.

    Raises:
        RecordError: an encoding that is no colour or grey image, or bytes that do not add up.
    """
    return RgbRecord(stamp_to_ns(message.header.stamp), message.header.frame_id, _as_rgb(message))


def event_frame_record(message: Any) -> EventFrameRecord:  # noqa: ANN401 - as above
    """Return an Image or CompressedImage into which the driver has rendered its events.

    Raises:
        RecordError: as ``rgb_record``.
    """
    return EventFrameRecord(
        stamp_to_ns(message.header.stamp), message.header.frame_id, _as_rgb(message)
    )


def depth_record(message: Any) -> DepthRecord:  # noqa: ANN401 - as above
    """Return a depth image (REP 118): an Image, or a CompressedImage of PNG or compressedDepth.

    Raises:
        RecordError: an encoding other than 16UC1 or 32FC1, or bytes that do not add up.
    """
    if _is_compressed(message):
        depth = decode_depth(np.frombuffer(message.data, np.uint8), message.format)
    elif message.encoding in DEPTH_LAYOUTS:
        depth = pixels_of(message, DEPTH_LAYOUTS[message.encoding])
    else:
        raise RecordError(
            f"depth encoding {message.encoding!r}",
            "16UC1 (millimetres) or 32FC1 (metres), as REP 118 has it",
            "let the depth driver publish one of these, or give the right topic",
        )
    metres_per_unit = 0.001 if depth.dtype == np.uint16 else 1.0
    return DepthRecord(
        stamp_to_ns(message.header.stamp), message.header.frame_id, depth, metres_per_unit
    )


def _is_compressed(message: Any) -> bool:  # noqa: ANN401 - as above
    return hasattr(message, "format")


def _as_rgb(message: Any) -> UInt8Array:  # noqa: ANN401 - as above
    if _is_compressed(message):
        return _decompress(message)
    layout = COLOUR_LAYOUTS.get(message.encoding)
    if layout is None:
        raise RecordError(
            f"image encoding {message.encoding!r}",
            "rgb8, bgr8, rgba8, bgra8, mono8, mono16, yuv422 or a bayer pattern",
            "choose one of these in the camera driver",
        )
    pixels = pixels_of(message, layout)
    try:
        return _to_rgb(pixels, layout)
    except cv2.error as error:
        raise RecordError(
            f"a {message.encoding} image of {message.width} x {message.height} that cannot be "
            f"converted ({error.err})",
            "a size that its pattern of colours divides",
            "correct width and height in the camera driver",
        ) from error


def _to_rgb(pixels: NDArray[Any], layout: Layout) -> UInt8Array:
    if layout.code == "u2":
        pixels = cv2.convertScaleAbs(np.ascontiguousarray(pixels), alpha=255 / 65535)
    if layout.to_rgb is not None:
        pixels = cv2.cvtColor(np.ascontiguousarray(pixels), layout.to_rgb)
    return np.asarray(pixels, np.uint8)


def _decompress(message: Any) -> UInt8Array:  # noqa: ANN401 - as above
    data = np.frombuffer(message.data, np.uint8)
    image = unpack_image(data, cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise RecordError(
            f"a compressed image of {len(data)} bytes, format {message.format!r}",
            f"a whole JPEG or PNG file of at most {MAX_PIXELS} pixels",
            "check the camera driver and the link: the file is damaged or of another kind",
        )
    return np.asarray(image, np.uint8)
