"""Where the rig's sensors stand on the vehicle, as tf has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.simulation import mounting

if TYPE_CHECKING:
    from anyseg_core.types import Float64Array

VEHICLE_FRAME = "base_link"


def sensor_poses() -> dict[str, Float64Array]:
    """Return base_link_from_sensor, float64 [4, 4], of each sensor's frame."""
    return {
        mounting.CAMERA_FRAME: mounting.vehicle_from_camera(),
        mounting.LIDAR_FRAME: mounting.vehicle_from_lidar(),
    }


def quaternion_of(rotation: Float64Array) -> tuple[float, float, float, float]:
    """Return the unit quaternion x, y, z, w, with w at least 0, of a rotation [3, 3].

    It is the eigenvector of the largest eigenvalue of the matrix K of Bar-Itzhack (Journal of
    Guidance, Control and Dynamics 23(6), 2000), which holds for every rotation alike.
    """
    m = rotation
    k = np.array(
        [
            [m[0, 0] - m[1, 1] - m[2, 2], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0], m[2, 1] - m[1, 2]],
            [m[0, 1] + m[1, 0], m[1, 1] - m[0, 0] - m[2, 2], m[1, 2] + m[2, 1], m[0, 2] - m[2, 0]],
            [m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], m[2, 2] - m[0, 0] - m[1, 1], m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], np.trace(m)],
        ]
    )
    x, y, z, w = np.linalg.eigh(k)[1][:, -1].tolist()
    sign = -1.0 if w < 0.0 else 1.0
    return sign * x, sign * y, sign * z, sign * w
