"""A camera model as sensor_msgs/CameraInfo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sensor_msgs.msg import CameraInfo

from anyseg_ros.conversions.stamps import header_of

if TYPE_CHECKING:
    from anyseg_core.geometry import Camera


def camera_info_message(camera: Camera, stamp_ns: int, frame_id: str) -> CameraInfo:
    """Return a camera as a CameraInfo of images as they come from the sensor."""
    projection = np.zeros((3, 4))
    projection[:, :3] = camera.matrix
    return CameraInfo(
        header=header_of(stamp_ns, frame_id),
        width=camera.width,
        height=camera.height,
        distortion_model=camera.model,
        d=[float(value) for value in camera.distortion],
        k=np.asarray(camera.matrix, np.float64).reshape(-1),
        r=np.eye(3).reshape(-1),
        p=projection.reshape(-1),
    )
