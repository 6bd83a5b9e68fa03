"""Each point gets the class of what the camera sees at its place, and nothing else's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyseg_core.errors import CalibrationError, ConfigurationError, RecordError
from anyseg_core.projection import label_points


def oracle(points, camera, camera_from_lidar, mask, depth_tolerance):
    """Compare every point with every other one that falls within one pixel of it."""
    placed = []
    for point in np.asarray(points, np.float64):
        local = (camera_from_lidar @ (*point[:3], 1.0))[:3]
        (pixel,), (seen,) = camera.project(local)
        column, row = np.floor(pixel + 0.5) if seen else (-1, -1)
        inside = 0 <= column < camera.width and 0 <= row < camera.height
        if inside and point[:3].any():
            placed.append((int(row), int(column), np.float32(local[2])))
        else:
            placed.append(None)
    labels = []
    for mine in placed:
        labels.append(255)
        if mine:
            depths = [
                other[2]
                for other in placed
                if other and abs(other[0] - mine[0]) <= 1 and abs(other[1] - mine[1]) <= 1
            ]
            if mine[2] <= min(depths) * (1.0 + depth_tolerance):
                labels[-1] = mask[mine[0], mine[1]]
    return labels


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 80),
    dtype=st.sampled_from((np.float32, np.float64)),
    tolerance=st.sampled_from((0.0, 0.1, 1.0)),
    transposed=st.booleans(),
)
@settings(max_examples=30)
def test_labels_are_the_oracles(
    lens_camera, optical_from_body, seed, count, dtype, tolerance, transposed
):
    random = np.random.default_rng(seed)
    points = random.uniform((-2, -8, -5), (20, 8, 5), (count, 3)).astype(dtype)
    points[random.random(count) < 0.1] = random.choice((np.nan, np.inf, 0.0))
    mask = random.integers(0, 25, (lens_camera.height, lens_camera.width)).astype(np.uint8)
    if transposed:
        mask = np.asfortranarray(mask)
    with np.errstate(invalid="ignore"):
        expected = oracle(points, lens_camera, optical_from_body, mask, tolerance)
    labels = label_points(points, lens_camera, optical_from_body, mask, depth_tolerance=tolerance)
    assert labels.dtype == np.uint8
    assert labels.tolist() == expected


def test_what_a_nearer_thing_hides_from_the_camera_has_no_class(pinhole, optical_from_body):
    mask = np.full((30, 40), 3, np.uint8)
    points = [(5.0, 0.0, 0.0), (10.0, 0.0, 0.0), (5.2, 0.0, 0.0), (10.0, 3.0, 0.0), (-5.0, 0, 0)]
    labels = label_points(points, pinhole, optical_from_body, mask)
    assert labels.tolist() == [3, 255, 3, 3, 255]


def test_a_floor_at_a_grazing_angle_keeps_its_class(pinhole, optical_from_body):
    distance, side = np.meshgrid(np.linspace(2, 6, 200), np.linspace(-1, 1, 60))
    floor = np.column_stack((distance.ravel(), side.ravel(), np.full(distance.size, -1.0)))
    mask = np.full((30, 40), 6, np.uint8)
    labels = label_points(floor, pinhole, optical_from_body, mask, depth_tolerance=0.6)
    inside = 15 + 20 / floor[:, 0] < 29.4
    assert (labels[inside] == 6).all()


def test_a_mask_tolerance_or_pose_that_makes_no_sense_is_refused(pinhole, optical_from_body):
    points = np.zeros((1, 3))
    mask = np.zeros((30, 40), np.uint8)
    with pytest.raises(RecordError, match="mask"):
        label_points(points, pinhole, optical_from_body, mask.T)
    with pytest.raises(RecordError, match="mask"):
        label_points(points, pinhole, optical_from_body, mask.astype(int))
    with pytest.raises(ConfigurationError, match="depth_tolerance"):
        label_points(points, pinhole, optical_from_body, mask, depth_tolerance=-0.1)
    with pytest.raises(CalibrationError, match="camera_from_lidar"):
        label_points(points, pinhole, np.zeros((4, 4)), mask)
