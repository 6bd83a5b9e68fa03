"""Rigid transforms are checked, inverted and built from quaternions."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyseg_core.errors import CalibrationError
from anyseg_core.geometry import check_transform, invert_transform, transform_from_quaternion

HALF = np.sqrt(0.5)


def changed(row, column, value):
    matrix = np.eye(4)
    matrix[row, column] = value
    return matrix


@pytest.mark.parametrize(
    ("matrix", "reason"),
    [
        (np.eye(3), "shape"),
        ("pose", "numbers"),
        (changed(0, 3, np.nan), "NaN or Inf"),
        (changed(0, 0, np.inf), "NaN or Inf"),
        (changed(3, 0, 0.5), "last row"),
        (changed(0, 0, 1.1), "orthonormal"),
        (changed(0, 1, 0.01), "orthonormal"),
        (np.zeros((4, 4)), "last row"),
        (np.diag((0.0, 0.0, 0.0, 1.0)), "orthonormal"),
        (changed(0, 0, -1.0), "left-handed"),
        (changed(0, 0, 1e200), "orthonormal"),
    ],
)
def test_what_is_no_rigid_transform_is_refused_with_its_name(matrix, reason):
    with pytest.raises(CalibrationError, match=reason) as caught:
        check_transform(matrix, "camera_from_lidar")
    assert "camera_from_lidar" in str(caught.value)


def test_a_rotation_written_with_four_digits_passes():
    angle = 0.3
    matrix = np.eye(4)
    matrix[:2, :2] = np.round([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], 4)
    assert np.array_equal(check_transform(matrix, "t"), matrix)


@pytest.mark.parametrize(
    ("quaternion", "source", "target"),
    [
        ((0, 0, 0, 1), (1, 2, 3), (1, 2, 3)),
        ((0, 0, HALF, HALF), (1, 0, 0), (0, 1, 0)),  # a quarter turn about z: x goes to y
        ((HALF, 0, 0, HALF), (0, 1, 0), (0, 0, 1)),
        ((0, HALF, 0, HALF), (0, 0, 1), (1, 0, 0)),
        ((0.5, -0.5, 0.5, 0.5), (1, 0, 0), (0, 0, 1)),  # body axes to optical axes (REP 103)
        ((0.5, -0.5, 0.5, 0.5), (0, 1, 0), (-1, 0, 0)),
        ((0.5, -0.5, 0.5, 0.5), (0, 0, 1), (0, -1, 0)),
    ],
)
def test_quaternions_are_in_the_order_of_ros_and_turn_the_right_way(quaternion, source, target):
    matrix = transform_from_quaternion((10, 20, 30), quaternion, "t")
    moved = matrix @ (*source, 1)
    assert np.allclose(moved[:3], np.add(target, (10, 20, 30)))


@given(st.lists(st.floats(-3, 3), min_size=6, max_size=6))
def test_any_rotation_agrees_with_opencv_and_inverts(numbers):
    axis = np.array(numbers[:3])
    angle = np.linalg.norm(axis)
    unit = axis / angle if angle > 0 else axis
    quaternion = (*(np.sin(angle / 2) * unit), np.cos(angle / 2))
    matrix = transform_from_quaternion(numbers[3:], quaternion, "t")
    assert np.allclose(matrix[:3, :3], cv2.Rodrigues(axis)[0], atol=1e-9)
    assert np.array_equal(matrix[:3, 3], numbers[3:])
    assert np.allclose(invert_transform(matrix), np.linalg.inv(matrix), atol=1e-9)


@pytest.mark.parametrize(
    ("translation", "quaternion"),
    [((0, 0), (0, 0, 0, 1)), ((0, 0, 0), (0, 0, 1)), ((0, 0, 0), (0, 0, 0, 0)),
     ((0, 0, 0), (0, 0, 0, 2)), ((0, 0, 0), (0, 0, 0, np.nan)), ("abc", (0, 0, 0, 1))],
)  # fmt: skip
def test_a_wrong_quaternion_is_refused(translation, quaternion):
    with pytest.raises(CalibrationError, match="t with"):
        transform_from_quaternion(translation, quaternion, "t")
