"""Transforms are composed through the graph of frames, and never invented."""

import numpy as np
import pytest

from anyseg_core.errors import CalibrationError
from anyseg_core.geometry import Calibration, Camera, transform_from_quaternion

HALF = np.sqrt(0.5)
CAMERA = Camera(64, 48, ((50, 0, 32), (0, 50, 24), (0, 0, 1)))
A_FROM_B = transform_from_quaternion((1, 0, 0), (0, 0, HALF, HALF), "a from b")
C_FROM_B = transform_from_quaternion((0, 2, 0), (HALF, 0, 0, HALF), "c from b")


@pytest.fixture
def calibration():
    return Calibration(
        {"rgb": CAMERA, "spare": CAMERA},
        {("a", "b"): A_FROM_B, ("c", "b"): C_FROM_B, ("island", "shore"): np.eye(4)},
        {"rgb": "a"},
    )


def test_a_transform_given_is_returned_as_given(calibration):
    assert np.array_equal(calibration.transform("a", "b"), A_FROM_B)


def test_a_transform_is_followed_backwards(calibration):
    assert np.allclose(calibration.transform("b", "a"), np.linalg.inv(A_FROM_B))


def test_a_chain_is_composed_in_the_right_order(calibration):
    expected = A_FROM_B @ np.linalg.inv(C_FROM_B)
    assert np.allclose(calibration.transform("a", "c"), expected)
    assert np.allclose(calibration.transform("c", "a"), np.linalg.inv(expected))


def test_a_point_through_the_chain_lands_where_it_does_by_hand(calibration):
    # c (0, 2, 0) is the origin of b, which stands at (1, 0, 0) in a.
    assert np.allclose(calibration.transform("a", "c") @ (0, 2, 0, 1), (1, 0, 0, 1))


def test_a_cameras_name_stands_for_its_frame(calibration):
    assert np.array_equal(calibration.transform("rgb", "b"), A_FROM_B)
    assert calibration.frame("rgb") == "a"
    assert calibration.frame("spare") == "spare"


def test_a_frame_to_itself_is_the_identity(calibration):
    assert np.array_equal(calibration.transform("rgb", "a"), np.eye(4))
    assert np.array_equal(calibration.transform("spare", "spare"), np.eye(4))


@pytest.mark.parametrize("ends", [("a", "island"), ("rgb", "spare"), ("a", "lidar"), ("x", "x")])
def test_a_missing_transform_is_never_the_identity(calibration, ends):
    with pytest.raises(CalibrationError, match="no chain of transforms"):
        calibration.transform(*ends)


def test_an_unknown_camera_is_named_with_those_there_are(calibration):
    assert calibration.camera("rgb") is CAMERA
    with pytest.raises(CalibrationError, match=r"'depth'.*rgb.*spare"):
        calibration.camera("depth")


def test_transforms_that_are_not_rigid_and_frames_of_no_camera_are_refused():
    with pytest.raises(CalibrationError, match="a from b"):
        Calibration({}, {("a", "b"): 2 * np.eye(4)})
    with pytest.raises(CalibrationError, match="no camera 'rgb'"):
        Calibration({}, {}, {"rgb": "a"})
