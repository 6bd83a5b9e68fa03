"""The encodings of sensor_msgs/Image, and a message's bytes seen as an array.

No library checks that a message holds the bytes that its header promises, so that is done here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from anyseg_core.errors import RecordError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_PIXELS = 64_000_000
"""Larger images are refused before anything is allocated for them."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the pixels of one encoding lie in memory.

    Attributes:
        code: numpy's code of one value, without the byte order.
        channels: values per pixel.
        to_rgb: OpenCV's conversion to RGB; None where the values are RGB already.
    """

    code: str
    channels: int
    to_rgb: int | None = None

    @property
    def pixel_bytes(self) -> int:
        """Bytes of one pixel."""
        return np.dtype(self.code).itemsize * self.channels


def _bayer(order: str) -> int:
    return int(getattr(cv2, f"COLOR_Bayer{order.upper()}2RGB"))


COLOUR_LAYOUTS: dict[str, Layout] = {
    "rgb8": Layout("u1", 3),
    "8UC3": Layout("u1", 3),
    "rgb16": Layout("u2", 3),
    "bgr8": Layout("u1", 3, cv2.COLOR_BGR2RGB),
    "bgr16": Layout("u2", 3, cv2.COLOR_BGR2RGB),
    "rgba8": Layout("u1", 4, cv2.COLOR_RGBA2RGB),
    "rgba16": Layout("u2", 4, cv2.COLOR_RGBA2RGB),
    "bgra8": Layout("u1", 4, cv2.COLOR_BGRA2RGB),
    "bgra16": Layout("u2", 4, cv2.COLOR_BGRA2RGB),
    "mono8": Layout("u1", 1, cv2.COLOR_GRAY2RGB),
    "8UC1": Layout("u1", 1, cv2.COLOR_GRAY2RGB),
    "mono16": Layout("u2", 1, cv2.COLOR_GRAY2RGB),
    "yuv422": Layout("u1", 2, cv2.COLOR_YUV2RGB_UYVY),
    "uyvy": Layout("u1", 2, cv2.COLOR_YUV2RGB_UYVY),
    "yuv422_yuy2": Layout("u1", 2, cv2.COLOR_YUV2RGB_YUYV),
    "yuyv": Layout("u1", 2, cv2.COLOR_YUV2RGB_YUYV),
    **{
        f"bayer_{order}{bits}": Layout(f"u{bits // 8}", 1, _bayer(order))
        for order in ("rggb", "bggr", "gbrg", "grbg")
        for bits in (8, 16)
    },
}
"""By encoding, the colour and grey images (sensor_msgs/image_encodings.hpp)."""

KNOWN_ENCODINGS = frozenset(COLOUR_LAYOUTS)
"""Encodings of colour and grey images that can be decoded."""

DEPTH_LAYOUTS: dict[str, Layout] = {
    "16UC1": Layout("u2", 1),
    "mono16": Layout("u2", 1),
    "32FC1": Layout("f4", 1),
}
"""By encoding, the depth images (REP 118)."""


def pixels_of(message: Any, layout: Layout) -> NDArray[Any]:  # noqa: ANN401 - a message
    """Return the message's own pixels [H, W] or [H, W, C], not copied where the byte order allows.

    Rows may be padded; the array then has the message's step as its stride.

    Raises:
        RecordError: width, height, step and the number of bytes do not go together.
    """
    width, height, step = int(message.width), int(message.height), int(message.step)
    row_bytes = width * layout.pixel_bytes
    size_fits = 0 < width * height <= MAX_PIXELS and step >= row_bytes
    if not size_fits or len(message.data) < step * (height - 1) + row_bytes:
        raise RecordError(
            f"a {width} x {height} {message.encoding} image with step {step} and "
            f"{len(message.data)} bytes",
            f"1 to {MAX_PIXELS} pixels, a step of at least {row_bytes} bytes and height x step "
            "bytes",
            "correct width, height, step and data in the driver",
        )
    dtype = np.dtype(layout.code).newbyteorder(">" if message.is_bigendian else "<")
    shape = (height, width) + ((layout.channels,) if layout.channels > 1 else ())
    strides = (step, layout.pixel_bytes, dtype.itemsize)[: len(shape)]
    pixels: NDArray[Any] = np.ndarray(shape, dtype, message.data, strides=strides)
    return pixels if dtype.isnative else pixels.astype(dtype.newbyteorder("="))
