"""Image encodings that only cv_bridge knows, such as nv21, where it is installed.

All others are decoded by ``anyseg_core.messages``, so that a topic and a bag give the same bytes.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.errors import RecordError
from anyseg_core.messages import KNOWN_ENCODINGS, stamp_to_ns
from anyseg_ros.conversions.images import image_message

if TYPE_CHECKING:
    from anyseg_core.messages import RecordConverter
    from anyseg_core.types import Record

try:
    from cv_bridge import CvBridge, CvBridgeError
except ImportError:
    CvBridge = None


def with_cv_bridge(convert: RecordConverter) -> RecordConverter:
    """Return a converter of colour images that asks cv_bridge for the encodings it does not know.

    Args:
        convert: of an Image or CompressedImage; raises RecordError for an unknown encoding.
    """

    @functools.wraps(convert)
    def converted(message: Any) -> Record:
        encoding = getattr(message, "encoding", None)
        if encoding is None or encoding in KNOWN_ENCODINGS or CvBridge is None:
            return convert(message)
        return convert(_as_rgb8(message))

    return converted


def _as_rgb8(message: Any) -> Any:
    try:
        image = CvBridge().imgmsg_to_cv2(message, "rgb8")
    except CvBridgeError as error:
        raise RecordError(
            f"image encoding {message.encoding!r}, which cv_bridge cannot convert ({error})",
            "rgb8, bgr8, rgba8, bgra8, mono8, mono16, yuv422 or a bayer pattern",
            "choose one of these in the camera driver",
        ) from error
    return image_message(
        np.ascontiguousarray(image, np.uint8),
        "rgb8",
        stamp_to_ns(message.header.stamp),
        message.header.frame_id,
    )
