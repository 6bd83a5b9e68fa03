"""JPEG and PNG files in messages, unpacked by OpenCV."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2

from anyseg_core.messages.image_layouts import MAX_PIXELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.types import UInt8Array

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_NO_FRAME = frozenset({0xC4, 0xC8, 0xCC})  # tables, between the markers of frame headers


def unpack_image(data: UInt8Array, flags: int) -> NDArray[Any] | None:
    """Return the image in a JPEG or PNG file; None where it is damaged, another kind, or too large.

    A damaged header may promise any size, so that is read before anything is allocated for it.

    Args:
        data: the file, uint8 [N].
        flags: OpenCV's IMREAD flags.
    """
    width, height = declared_size(data.tobytes())
    if not 0 < width * height <= MAX_PIXELS:
        return None
    try:
        return cv2.imdecode(data, flags)
    except cv2.error:
        return None


def declared_size(data: bytes) -> tuple[int, int]:
    """Return width and height by a file's header; zeros where there is none."""
    if data.startswith(_PNG) and len(data) >= 24:
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    place = len(_JPEG)
    while data.startswith(_JPEG) and place + 9 <= len(data) and data[place] == 0xFF:
        kind = data[place + 1]
        if 0xC0 <= kind <= 0xCF and kind not in _NO_FRAME:
            height = int.from_bytes(data[place + 5 : place + 7], "big")
            return int.from_bytes(data[place + 7 : place + 9], "big"), height
        # a marker may be filled up with 0xFF; every segment before the frame has a length
        place += 1 if kind == 0xFF else 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return 0, 0
