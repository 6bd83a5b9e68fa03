"""The library that knows the image encodings: cv_bridge where ROS has it, else rosbags-image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from anyseg_core.errors import RecordError

if TYPE_CHECKING:
    from sensor_msgs.msg import Image

    from anyseg_core.types import UInt8Array

try:
    from cv_bridge import CvBridge, CvBridgeError
except ImportError:
    CvBridge = None
    from rosbags.image import ImageError as CvBridgeError
    from rosbags.image import image_to_cvimage


def to_rgb(message: Image) -> UInt8Array:
    """Return an unpadded image of any colour or grey encoding as uint8 [H, W, 3] RGB.

    Raises:
        RecordError: the library cannot convert it.
    """
    try:
        if CvBridge is not None:
            image = CvBridge().imgmsg_to_cv2(message, "rgb8")
        else:
            image = image_to_cvimage(message, "rgb8")
    except (CvBridgeError, cv2.error, ValueError) as error:
        raise RecordError(
            f"a {message.encoding} image of {message.width} x {message.height} that cannot be "
            f"converted ({error})",
            "an image that converts to rgb8",
            "correct the encoding in the camera driver",
        ) from error
    return np.ascontiguousarray(image, np.uint8)
