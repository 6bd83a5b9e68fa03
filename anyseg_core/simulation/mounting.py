"""Where the sensors sit on the vehicle, and the camera's intrinsics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.simulation.motion import CAMERA_HEIGHT_M, rotation_zyx

if TYPE_CHECKING:
    from anyseg_core.simulation.config import RigConfig
    from anyseg_core.types import Float64Array

CAMERA_FRAME, LIDAR_FRAME = "camera_optical", "lidar"

_BODY_FROM_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""REP 103: optical axes are z forward, x right, y down."""


def camera_matrix(config: RigConfig) -> Float64Array:
    """Return the 3 x 3 intrinsics: square pixels, the centre of pixel (0, 0) at (0, 0)."""
    focal = 0.5 * config.width / np.tan(0.5 * config.horizontal_fov_rad)
    centre = (0.5 * (config.width - 1), 0.5 * (config.height - 1))
    return np.array([[focal, 0.0, centre[0]], [0.0, focal, centre[1]], [0.0, 0.0, 1.0]])


def vehicle_from_camera() -> Float64Array:
    """Return the camera's pose behind the wind screen, looking 1 degree down."""
    pose = np.eye(4)
    pose[:3, :3] = rotation_zyx(0.0, 0.0175, 0.0) @ _BODY_FROM_OPTICAL
    pose[:3, 3] = (1.1, 0.0, CAMERA_HEIGHT_M)
    return pose


def vehicle_from_lidar() -> Float64Array:
    """Return the LiDAR's pose on the roof, turned by about a degree about each axis."""
    pose = np.eye(4)
    pose[:3, :3] = rotation_zyx(0.020, 0.010, -0.008)
    pose[:3, 3] = (0.45, 0.06, 1.98)
    return pose


def inverse(transform: Float64Array) -> Float64Array:
    """Return the inverse of a rigid 4 x 4 transform."""
    out = np.eye(4)
    out[:3, :3] = transform[:3, :3].T
    out[:3, 3] = -transform[:3, :3].T @ transform[:3, 3]
    return out
