"""Rigid transforms as 4 x 4 matrices, named ``target_from_source``: p_target = T @ p_source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.errors import CalibrationError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from anyseg_core.types import Float64Array

TOLERANCE = 1e-3
"""How far R R^T may be from the identity: files written with four digits pass, scales do not."""


def check_transform(matrix: ArrayLike, name: str) -> Float64Array:
    """Return ``matrix`` as C-ordered float64 [4, 4] after checking that it is a rigid transform.

    Args:
        matrix: 4 x 4 numbers: rotation, translation in metres, last row 0 0 0 1.
        name: what the matrix is, for the error's text.

    Raises:
        CalibrationError: the shape is wrong, a value is not finite, the rotation is not
            orthonormal or mirrors (left-handed), or the last row is not 0 0 0 1.
    """
    try:
        transform = np.asarray(matrix, np.float64, order="C")
    except (TypeError, ValueError):
        raise _bad(name, "something other than numbers", "4 x 4 numbers") from None
    if transform.shape != (4, 4):
        raise _bad(name, f"shape {transform.shape}", "shape (4, 4)")
    if not np.isfinite(transform).all():
        raise _bad(name, "NaN or Inf in it", "finite numbers")
    if not np.array_equal(transform[3], (0.0, 0.0, 0.0, 1.0)):
        raise _bad(name, f"last row {transform[3].tolist()}", "last row [0, 0, 0, 1]")
    rotation = transform[:3, :3]
    with np.errstate(over="ignore", invalid="ignore"):
        error = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    if not error <= TOLERANCE:
        raise _bad(
            name,
            f"a rotation whose R R^T differs from the identity by {error:.3g}",
            f"an orthonormal rotation (within {TOLERANCE})",
        )
    if np.linalg.det(rotation) < 0.0:
        raise _bad(name, "a left-handed rotation (determinant -1)", "a right-handed one")
    return transform


def invert_transform(target_from_source: Float64Array) -> Float64Array:
    """Return ``source_from_target`` [4, 4] of a rigid transform [4, 4]."""
    rotation = target_from_source[:3, :3].T
    inverse = np.eye(4)
    inverse[:3, :3] = rotation
    inverse[:3, 3] = -rotation @ target_from_source[:3, 3]
    return inverse


def transform_from_quaternion(
    translation: ArrayLike, quaternion: ArrayLike, name: str
) -> Float64Array:
    """Return float64 [4, 4] from a translation (x, y, z) and a unit quaternion (x, y, z, w).

    The quaternion is in ROS's order (geometry_msgs/Quaternion).

    Raises:
        CalibrationError: wrong lengths, or the quaternion is not of unit length (within 0.001).
    """
    try:
        offset = np.asarray(translation, np.float64)
        rotation = np.asarray(quaternion, np.float64)
    except (TypeError, ValueError):
        raise _bad(name, "something other than numbers", "3 and 4 numbers") from None
    if offset.shape != (3,) or rotation.shape != (4,):
        raise _bad(
            name,
            f"translation and quaternion of shapes {offset.shape} and {rotation.shape}",
            "translation [x, y, z] and quaternion [x, y, z, w]",
        )
    length = float(np.linalg.norm(rotation))
    if not abs(length - 1.0) <= TOLERANCE:
        raise _bad(name, f"a quaternion of length {length:.6g}", "a unit quaternion [x, y, z, w]")
    x, y, z, w = rotation / length
    transform = np.eye(4)
    transform[:3, :3] = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    transform[:3, 3] = offset
    return check_transform(transform, name)


def _bad(name: str, got: str, wanted: str) -> CalibrationError:
    return CalibrationError(
        f"{name} with {got}", wanted, "correct the extrinsic calibration or its source"
    )
