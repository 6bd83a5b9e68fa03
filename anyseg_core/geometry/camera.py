"""The camera: image size, intrinsics and lens."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.errors import CalibrationError
from anyseg_core.geometry import lens as lenses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from anyseg_core.types import BoolArray, Float64Array

_COEFFICIENTS = {"plumb_bob": (0, 4, 5), "rational_polynomial": (0, 8), "equidistant": (0, 4)}
_SLOTS = {
    "plumb_bob": (lenses.K1, lenses.K2, lenses.P1, lenses.P2, lenses.K3),
    "rational_polynomial": (
        lenses.K1, lenses.K2, lenses.P1, lenses.P2, lenses.K3, lenses.K4, lenses.K5, lenses.K6,
    ),
    "equidistant": (lenses.K1, lenses.K2, lenses.K3, lenses.K4),
}  # fmt: skip
_DO = "correct the intrinsic calibration or its source"


@dataclass(frozen=True, init=False, eq=False)
class Camera:
    """A calibrated camera; two cameras are equal when all their numbers are.

    Pixel centres are integers, as in OpenCV and ROS: the image spans -0.5 <= u < width - 0.5.
    The camera frame is optical (REP 103): z forward, x right, y down.

    Args:
        width: image width in pixels.
        height: image height in pixels.
        matrix: 3 x 3 (nested, or 9 numbers row by row): fx 0 cx / 0 fy cy / 0 0 1, in pixels.
        distortion: plumb_bob k1 k2 p1 p2 [k3]; rational_polynomial k1 k2 p1 p2 k3 k4 k5 k6;
            equidistant k1 k2 k3 k4; or nothing. Trailing zeros (OpenCV's thin prism) are dropped.
        model: plumb_bob, rational_polynomial or equidistant (sensor_msgs/distortion_models.hpp).

    Raises:
        CalibrationError: a size is not positive, a focal length not positive and finite, the
            matrix has skew or another last row, or the coefficients do not fit the model.
    """

    width: int
    height: int
    matrix: Float64Array
    distortion: tuple[float, ...]
    model: str
    lens: Float64Array = field(repr=False)
    """Read-only vector that the compiled loops take, see `anyseg_core.geometry.lens`."""

    def __init__(
        self,
        width: int,
        height: int,
        matrix: ArrayLike,
        distortion: Sequence[float] = (),
        model: str = "plumb_bob",
    ) -> None:
        if width != int(width) or height != int(height) or width < 1 or height < 1:
            raise CalibrationError(f"a camera of {width} x {height} pixels", "positive sizes", _DO)
        checked = _check_matrix(matrix)
        coefficients = _check_distortion(distortion, model)
        lens = _pack(checked, coefficients, model)
        for array in (checked, lens):
            array.flags.writeable = False
        values = (int(width), int(height), checked, coefficients, model, lens)
        for name, value in zip(self.__dataclass_fields__, values, strict=True):
            object.__setattr__(self, name, value)

    def _key(self) -> tuple[object, ...]:
        return self.width, self.height, self.matrix.tobytes(), self.distortion, self.model

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Camera) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    @classmethod
    def from_projection(
        cls, matrix: ArrayLike, width: int, height: int
    ) -> tuple[Camera, Float64Array]:
        """Split a projection matrix K [I | t] (3 x 3, 3 x 4 or 4 x 4, as KITTI's P2).

        Returns:
            The undistorted camera K, and camera_from_frame [4, 4], the translation t: the matrix
            takes points of a frame whose origin need not be the camera's.

        Raises:
            CalibrationError: another shape, or K is no camera matrix.
        """
        projection = np.array(matrix, np.float64)
        if projection.shape not in ((3, 3), (3, 4), (4, 4)):
            raise CalibrationError(
                f"a projection matrix of shape {projection.shape}", "3 x 3, 3 x 4 or 4 x 4", _DO
            )
        camera = cls(width, height, projection[:3, :3])
        camera_from_frame = np.eye(4)
        if projection.shape != (3, 3):
            camera_from_frame[:3, 3] = np.linalg.solve(camera.matrix, projection[:3, 3])
        return camera, camera_from_frame

    def scaled(self, width: int, height: int) -> Camera:
        """Return the camera of this image resized to ``width`` x ``height``.

        Pixel edges scale, not pixel centres: (u' + 0.5) = (u + 0.5) * width' / width, the
        convention of cv2.resize. So fx' = s fx and cx' = s (cx + 0.5) - 0.5, likewise for y.
        """
        if (width, height) == (self.width, self.height):
            return self
        scale_x, scale_y = width / self.width, height / self.height
        matrix = self.matrix.copy()
        matrix[0, 0] *= scale_x
        matrix[1, 1] *= scale_y
        matrix[0, 2] = (matrix[0, 2] + 0.5) * scale_x - 0.5
        matrix[1, 2] = (matrix[1, 2] + 0.5) * scale_y - 0.5
        return Camera(width, height, matrix, self.distortion, self.model)

    def project(self, points_camera: ArrayLike) -> tuple[Float64Array, BoolArray]:
        """Project points [N, 3] of the camera frame, in metres, to pixels.

        Returns:
            uv float64 [N, 2], and bool [N]: True where the lens sees the point. It does not where
            z <= 0, where a coordinate is NaN, and beyond the radius at which the distortion folds
            back (see `anyseg_core.geometry.lens.invertible_limit`); uv is NaN there. A point that
            the lens sees may still lie outside the image.
        """
        points = np.asarray(points_camera, np.float64).reshape(-1, 3)
        uv, seen = np.empty((len(points), 2)), np.empty(len(points), np.bool_)
        lenses.project_points(self.lens, points, uv, seen)
        return uv, seen

    def rays(self, uv: ArrayLike) -> tuple[Float64Array, BoolArray]:
        """Return the viewing rays of pixels [N, 2].

        Returns:
            Unit vectors float64 [N, 3] in the camera frame, and bool [N]: False (and NaN) where no
            ray within the lens's invertible range reaches the pixel. Distortion is inverted by
            bracketed Newton steps to about 1e-12.
        """
        pixels = np.asarray(uv, np.float64).reshape(-1, 2)
        normalised, found = np.empty((len(pixels), 2)), np.empty(len(pixels), np.bool_)
        lenses.undistort_pixels(self.lens, pixels, normalised, found)
        rays = np.concatenate((normalised, np.ones((len(pixels), 1))), axis=1)
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        rays[~found] = np.nan
        return rays, found


def _check_matrix(matrix: ArrayLike) -> Float64Array:
    """Return the intrinsic matrix as a float64 [3, 3] copy, or raise CalibrationError."""
    try:
        checked = np.array(matrix, np.float64)
    except (TypeError, ValueError):
        raise CalibrationError("a camera matrix that is no table", "3 x 3 numbers", _DO) from None
    if checked.shape == (9,):
        checked = checked.reshape(3, 3)
    if checked.shape != (3, 3):
        raise CalibrationError(f"a camera matrix of shape {checked.shape}", "3 x 3", _DO)
    fx, fy = checked[0, 0], checked[1, 1]
    if not (np.isfinite(checked).all() and fx > 0.0 and fy > 0.0):
        raise CalibrationError(
            f"a camera matrix with fx {fx}, fy {fy}, cx {checked[0, 2]}, cy {checked[1, 2]}",
            "finite values and positive focal lengths",
            f"{_DO} (a matrix of zeros is an uncalibrated camera)",
        )
    if checked[0, 1] != 0.0 or checked[1, 0] != 0.0 or not np.array_equal(checked[2], (0, 0, 1)):
        raise CalibrationError(
            f"a camera matrix {checked.tolist()}",
            "fx 0 cx / 0 fy cy / 0 0 1, without skew",
            _DO,
        )
    return checked


def _check_distortion(distortion: Sequence[float], model: str) -> tuple[float, ...]:
    if model not in _COEFFICIENTS:
        raise CalibrationError(f"lens model {model!r}", f"one of {', '.join(_COEFFICIENTS)}", _DO)
    coefficients = tuple(float(value) for value in distortion)
    if not all(math.isfinite(value) for value in coefficients):
        raise CalibrationError(f"distortion {coefficients}", "finite coefficients", _DO)
    longest = _COEFFICIENTS[model][-1]
    if not any(coefficients[longest:]):
        coefficients = coefficients[:longest]
    if len(coefficients) not in _COEFFICIENTS[model]:
        raise CalibrationError(
            f"{len(coefficients)} distortion coefficients for {model}",
            f"{' or '.join(map(str, _COEFFICIENTS[model]))} of them",
            _DO,
        )
    return coefficients


def _pack(matrix: Float64Array, distortion: tuple[float, ...], model: str) -> Float64Array:
    """Return the lens vector; a plumb_bob is a rational polynomial whose divisor is 1."""
    lens = np.zeros(14)
    lens[[lenses.FX, lenses.FY]] = matrix[0, 0], matrix[1, 1]
    lens[[lenses.CX, lenses.CY]] = matrix[0, 2], matrix[1, 2]
    for slot, value in zip(_SLOTS[model], distortion, strict=False):
        lens[slot] = value
    if model == "equidistant":
        lens[lenses.MODEL] = lenses.EQUIDISTANT
    else:
        lens[lenses.MODEL] = lenses.RATIONAL if any(distortion) else lenses.PINHOLE
    lens[lenses.LIMIT] = np.inf if not lens[lenses.MODEL] else lenses.invertible_limit(lens)
    return lens
