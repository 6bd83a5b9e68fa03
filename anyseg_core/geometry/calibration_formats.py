"""Calibrations of Kalibr, KITTI and MUSES, read into ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.errors import CalibrationError
from anyseg_core.geometry.calibration import Calibration
from anyseg_core.geometry.camera import Camera
from anyseg_core.geometry.fields import Fields
from anyseg_core.geometry.transforms import check_transform

if TYPE_CHECKING:
    from pathlib import Path

    from anyseg_core.types import Float64Array

KITTI_SIZE = (1242, 375)
"""Image size of most KITTI drives; the calibration files do not hold it."""

MUSES_SIZES = {"rgb": (1920, 1080), "event": (1280, 720)}
"""Image sizes of MUSES; its calib.json does not hold them."""

_KALIBR_LENSES = {"radtan": "plumb_bob", "equidistant": "equidistant", "none": "plumb_bob"}
_KITTI_TRANSFORMS = {
    "R0_rect": ("rectified", "camera"),
    "R_rect": ("rectified", "camera"),
    "Tr_velo_to_cam": ("camera", "lidar"),
    "Tr_velo_cam": ("camera", "lidar"),
    "Tr": ("rectified", "lidar"),
    "Tr_imu_to_velo": ("lidar", "imu"),
    "Tr_imu_velo": ("lidar", "imu"),
}


def read_kalibr(fields: Fields) -> Calibration:
    """Read a Kalibr camchain (https://github.com/ethz-asl/kalibr/wiki/yaml-formats).

    Frames are cam0, cam1, ... and, where T_cam_imu is given, imu.
    """
    cameras: dict[str, Camera] = {}
    transforms: dict[tuple[str, str], Float64Array] = {}
    for name in sorted(fields.values, key=lambda name: (len(name), name)):
        entry = fields.mapping(name)
        if entry.text("camera_model") != "pinhole":
            raise entry.error(entry.text("camera_model"), "pinhole", "camera_model")
        lens = entry.text("distortion_model")
        if lens not in _KALIBR_LENSES:
            raise entry.error(lens, f"one of {', '.join(_KALIBR_LENSES)}", "distortion_model")
        fx, fy, cx, cy = entry.numbers("intrinsics", (4,))
        width, height = (int(side) for side in entry.numbers("resolution", (2,)))
        coefficients = () if lens == "none" else entry.numbers("distortion_coeffs")
        cameras[name] = build_camera(
            entry, width, height, np.array((fx, 0, cx, 0, fy, cy, 0, 0, 1)), coefficients,
            _KALIBR_LENSES[lens],
        )  # fmt: skip
        if "T_cn_cnm1" in entry.values:
            number = int(name.removeprefix("cam"))
            transforms[name, f"cam{number - 1}"] = read_transform(entry, "T_cn_cnm1")
        if "T_cam_imu" in entry.values:
            transforms[name, "imu"] = read_transform(entry, "T_cam_imu")
    return Calibration(cameras, transforms)


def read_muses(fields: Fields) -> Calibration:
    """Read MUSES' calib.json; frames are rgb, event, lidar and gnss. ``a2b`` there is b from a."""
    intrinsics = fields.mapping("intrinsics")
    cameras = {}
    for name, (width, height) in MUSES_SIZES.items():
        if name in intrinsics.values:
            entry = intrinsics.mapping(name)
            matrix = entry.numbers("K", (3, 3))
            cameras[name] = build_camera(entry, width, height, matrix, (), "plumb_bob")
    extrinsics = fields.mapping("extrinsics")
    transforms = {}
    for name in extrinsics.values:
        source, separator, target = name.partition("2")
        if separator:
            transforms[target, source] = read_transform(extrinsics, name)
    return Calibration(cameras, transforms)


def is_kitti(text: str) -> bool:
    """Say whether a text looks like a KITTI calib .txt: a line P0..P3 of numbers."""
    return re.search(r"^P[0-3]:\s+[-+0-9.]", text, re.MULTILINE) is not None


def read_kitti(text: str, path: Path, image_size: tuple[int, int]) -> Calibration:
    """Read a KITTI calib .txt (object, tracking or odometry: Geiger et al., CVPR 2012).

    Cameras and frames are cam0..cam3; the other frames are rectified (cam0's rectified frame),
    camera (cam0 before rectification), lidar and imu.
    """
    lines: dict[str, object] = {}
    for line in text.splitlines():
        words = line.replace(":", " ").split()
        if words:
            lines[words[0]] = list(words[1:])
    fields = Fields(lines, path)
    cameras: dict[str, Camera] = {}
    transforms: dict[tuple[str, str], Float64Array] = {}
    for number in range(4):
        if f"P{number}" in lines:
            projection = fields.numbers(f"P{number}", (3, 4))
            try:
                camera, offset = Camera.from_projection(projection, *image_size)
            except CalibrationError as error:
                raise fields.error(error.got, error.wanted, f"P{number}") from None
            cameras[f"cam{number}"] = camera
            transforms[f"cam{number}", "rectified"] = offset
    for name, ends in _KITTI_TRANSFORMS.items():
        if name in lines:
            transform = np.eye(4)
            if ends == ("rectified", "camera"):
                transform[:3, :3] = fields.numbers(name, (3, 3))
            else:
                transform[:3] = fields.numbers(name, (3, 4))
            transforms[ends] = check_transform(transform, f"{path}: {name}")
    return Calibration(cameras, transforms)


def build_camera(
    entry: Fields,
    width: int,
    height: int,
    matrix: Float64Array,
    distortion: Float64Array | tuple[()],
    model: str,
) -> Camera:
    """Build a camera from a file's values, naming file and key where it cannot be."""
    try:
        return Camera(width, height, matrix, tuple(distortion), model)
    except CalibrationError as error:
        raise entry.error(error.got, error.wanted) from None


def read_transform(entry: Fields, name: str) -> Float64Array:
    """Read a rigid 4 x 4 matrix, naming file and key where it is none."""
    return check_transform(entry.numbers(name, (4, 4)), f"{entry.path}: {entry.key}.{name}")
