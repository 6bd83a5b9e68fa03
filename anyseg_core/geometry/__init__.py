"""Camera models, rigid transforms and calibration files."""

from anyseg_core.geometry.calibration import Calibration
from anyseg_core.geometry.calibration_files import load_calibration, save_calibration
from anyseg_core.geometry.camera import Camera
from anyseg_core.geometry.transforms import (
    check_transform,
    invert_transform,
    transform_from_quaternion,
)

__all__ = [
    "Calibration",
    "Camera",
    "check_transform",
    "invert_transform",
    "load_calibration",
    "save_calibration",
    "transform_from_quaternion",
]
