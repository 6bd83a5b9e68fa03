"""sensor_msgs/CameraInfo to a camera model and back."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import CameraInfo

from anyseg_core.geometry import Camera
from anyseg_ros.conversions.stamps import header_of


def camera_from_info(message: CameraInfo, *, rectified: bool = False) -> Camera:
    """Return the camera that made the images of this CameraInfo.

    Binning and region of interest are applied: K and P speak of the full sensor, the images hold
    what is left of it.

    Args:
        message: the camera info.
        rectified: the images are the rectified ones, which P describes, not K and D.

    Raises:
        CalibrationError: a focal length of zero (an uncalibrated camera), an unknown lens model, or
            another value that no camera can have.
    """
    matrix = np.array(message.p).reshape(3, 4)[:, :3] if rectified else np.array(message.k)
    matrix = np.array(matrix, np.float64).reshape(3, 3)
    width, height = int(message.width), int(message.height)
    region = message.roi
    if region.width and region.height:
        matrix[0, 2] -= region.x_offset
        matrix[1, 2] -= region.y_offset
        width, height = int(region.width), int(region.height)
    for row, binning in ((0, message.binning_x), (1, message.binning_y)):
        if binning > 1:
            matrix[row] /= binning
    return Camera(
        width // max(message.binning_x, 1),
        height // max(message.binning_y, 1),
        matrix,
        () if rectified else tuple(message.d),
        model="plumb_bob"
        if rectified or not message.distortion_model
        else message.distortion_model,
    )


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
