"""sensor_msgs/CameraInfo to a camera model."""

from __future__ import annotations

from typing import Any

import numpy as np

from anyseg_core.geometry import Camera


def camera_from_info(message: Any, *, rectified: bool = False) -> Camera:  # noqa: ANN401 - a message
    """Return the camera that made the images of this CameraInfo, of ROS 2 or ROS 1.

    Binning and region of interest are applied: K and P speak of the full sensor, the images hold
    what is left of it.

    Args:
        message: the camera info.
        rectified: the images are the rectified ones, which P describes, not K and D.

    Raises:
        CalibrationError: a focal length of zero (an uncalibrated camera), an unknown lens model, or
            another value that no camera can have.
    """
    matrix = _field(message, "p").reshape(3, 4)[:, :3].copy() if rectified else _field(message, "k")
    matrix = matrix.reshape(3, 3)
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
        () if rectified else tuple(_field(message, "d").tolist()),
        model="plumb_bob"
        if rectified or not message.distortion_model
        else message.distortion_model,
    )


def _field(message: Any, name: str) -> Any:  # noqa: ANN401 - as above
    """Return an array field as float64; ROS 1 writes its name in upper case."""
    values = getattr(message, name) if hasattr(message, name) else getattr(message, name.upper())
    return np.array(values, np.float64)
