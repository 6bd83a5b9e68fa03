"""Points of a moving LiDAR are brought to one instant."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyseg_core.errors import RecordError
from anyseg_core.projection import deskew_points


def pose_after(seconds, linear, angular):
    """Sum the exponential series of the twist's 4 x 4 matrix."""
    x, y, z = angular
    twist = np.zeros((4, 4))
    twist[:3, :3] = ((0, -z, y), (z, 0, -x), (-y, x, 0))
    twist[:3, 3] = linear
    term, total = np.eye(4), np.eye(4)
    for order in range(1, 40):
        term = term @ twist * seconds / order
        total = total + term
    return total


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 20),
    rate=st.sampled_from((0.0, 1e-7, 1e-3, 0.5, 4.0)),
    dtype=st.sampled_from((np.float32, np.float64)),
    strided=st.booleans(),
)
def test_points_move_by_the_exponential_of_the_twist(seed, count, rate, dtype, strided):
    random = np.random.default_rng(seed)
    points = random.uniform(-50, 50, (count, 5)).astype(dtype)
    offsets = random.uniform(-0.2, 0.2, count)
    if strided:
        points, offsets = points[::-2], offsets[::-2]
    linear, angular = random.uniform(-20, 20, 3), random.uniform(-1, 1, 3) * rate
    moved = deskew_points(points, offsets, linear, angular)
    assert moved.dtype == dtype
    assert np.array_equal(moved[:, 3:], points[:, 3:])
    for point, seconds, new in zip(points, offsets, moved, strict=True):
        expected = pose_after(seconds, linear, angular) @ (*point[:3].astype(float), 1.0)
        assert np.allclose(new[:3], expected[:3], atol=1e-4 if dtype == np.float32 else 1e-8)


def test_a_wall_seen_later_while_driving_at_it_is_farther_from_the_start():
    moved = deskew_points([(10.0, 0.0, 0.0, 0.5)], [0.1], (20.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    assert np.allclose(moved, [(12.0, 0.0, 0.0, 0.5)])


def test_a_pole_straight_ahead_after_a_left_turn_stood_to_the_left():
    moved = deskew_points([(10.0, 0.0, 0.0)], [1.0], (0.0, 0.0, 0.0), (0.0, 0.0, np.pi / 2))
    assert np.allclose(moved, [(0.0, 10.0, 0.0)], atol=1e-9)


def test_the_callers_points_are_not_changed_and_bad_ones_stay_bad():
    points = np.array([(1.0, 2.0, 3.0), (np.nan, 0, 0), (1.0, 2.0, 3.0)])
    copy = points.copy()
    moved = deskew_points(points, [0.1, 0.1, np.nan], (1.0, 0, 0), (0, 0, 1.0))
    assert np.array_equal(points, copy, equal_nan=True)
    assert np.isfinite(moved[0]).all()
    assert np.isnan(moved[1]).any()
    assert np.isnan(moved[2]).all()


@pytest.mark.parametrize(
    ("offsets", "linear", "angular"),
    [
        ([0.1], (0, 0, 0), (0, 0, 0)),
        ([0, 0], (0, 0), (0, 0, 0)),
        ([0, 0], (0, 0, 0), (np.inf, 0, 0)),
    ],
)
def test_what_does_not_fit_is_refused(offsets, linear, angular):
    with pytest.raises(RecordError):
        deskew_points(np.ones((2, 3)), offsets, linear, angular)
