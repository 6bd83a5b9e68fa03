"""LiDAR points are drawn exactly as a slow, obvious oracle draws them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from anyseg_core.errors import CalibrationError, ConfigurationError, RecordError
from anyseg_core.projection import LidarImage, project_lidar

BIG_ENDIAN = np.dtype(">f4")


def oracle(points, camera, camera_from_lidar, min_range_m=0.0, point_size=1):
    """Draw all points from the farthest to the nearest, so that the nearest stays on top."""
    channels = np.zeros((3, camera.height, camera.width), np.float32)
    valid = np.zeros((camera.height, camera.width), bool)
    drawn = []
    for index, point in enumerate(np.asarray(points, np.float64)):
        if not np.isfinite(point[:3]).all():
            continue
        range_m = math.sqrt(point[0] ** 2 + point[1] ** 2 + point[2] ** 2)
        (pixel,), (seen,) = camera.project((camera_from_lidar @ (*point[:3], 1.0))[:3])
        if not seen or range_m == 0.0 or range_m < min_range_m or not np.isfinite(range_m):
            continue
        column, row = np.floor(pixel + 0.5)
        if 0 <= column < camera.width and 0 <= row < camera.height:
            drawn.append((np.float32(range_m), index, int(row), int(column), point))
    before = (point_size - 1) // 2
    for range_m, _, row, column, point in sorted(drawn, key=lambda entry: entry[:2], reverse=True):
        rows = slice(max(row - before, 0), row - before + point_size)
        columns = slice(max(column - before, 0), column - before + point_size)
        intensity = point[3] if len(point) > 3 and np.isfinite(np.float32(point[3])) else 0.0
        channels[:, rows, columns] = np.array((range_m, intensity, point[2]))[:, None, None]
        valid[rows, columns] = True
    return channels, valid


def assert_as_oracle(points, camera, pose, out=None, **options):
    with np.errstate(over="ignore", invalid="ignore"):
        channels, valid = oracle(points, camera, pose, **options)
    image = project_lidar(points, camera, pose, out=out, **options)
    assert np.array_equal(image.valid, valid)
    assert np.array_equal(image.channels, channels)
    return image


def cloud(seed, count, columns=4, dtype=np.float32):
    random = np.random.default_rng(seed)
    points = random.uniform(-5, 5, (count, columns))
    points[:, 0] = random.uniform(-2, 20, count)
    points[random.random(count) < 0.1] = 0.0
    # Copies at the same place: ties must fall to the first.
    points[count // 2 :, :3] = points[: count - count // 2, :3]
    points[random.random(count) < 0.1, random.integers(0, 3)] = random.choice((np.nan, np.inf))
    return points.astype(dtype)


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 60),
    columns=st.integers(3, 6),
    dtype=st.sampled_from((np.float32, np.float64, BIG_ENDIAN)),
    point_size=st.integers(1, 4),
    min_range_m=st.sampled_from((0.0, 1.0, 6.5)),
)
@settings(max_examples=40)
def test_the_image_is_the_oracles(
    lens_camera, optical_from_body, seed, count, columns, dtype, point_size, min_range_m
):
    pose = optical_from_body.copy()
    pose[:3, 3] = (0.1, -0.2, 0.3)
    points = cloud(seed, count, columns, dtype)
    assert_as_oracle(points, lens_camera, pose, point_size=point_size, min_range_m=min_range_m)


@given(
    points=hnp.arrays(
        np.float32, st.tuples(st.integers(0, 8), st.just(4)), elements=st.floats(width=32)
    )
)
@settings(max_examples=60)
def test_any_numbers_are_drawn_as_the_oracle_draws_them(pinhole, optical_from_body, points):
    assert_as_oracle(points, pinhole, optical_from_body)


def padded(points):
    packed = np.zeros(len(points), np.dtype([("pad", "u1"), ("p", "f4", 4), ("ring", "u2")]))
    packed["p"] = points
    return packed["p"]


def read_only(points):
    points = points.copy()
    points.flags.writeable = False
    return points


@pytest.mark.parametrize(
    "layout",
    [np.asfortranarray, lambda p: np.repeat(p, 2, axis=0)[::2], lambda p: p[::-1][::-1], padded,
     read_only, lambda p: p.astype(">f4")],
    ids=["fortran", "strided", "reversed twice", "unaligned", "read-only", "big-endian"],
)  # fmt: skip
def test_the_memory_layout_of_the_cloud_does_not_matter(pinhole, optical_from_body, layout):
    points = cloud(3, 200)
    plain = project_lidar(points, pinhole, optical_from_body)
    image = project_lidar(layout(points), pinhole, optical_from_body)
    assert plain.valid.sum() > 20
    assert np.array_equal(image.channels, plain.channels)


def test_integers_are_taken(pinhole, optical_from_body):
    image = project_lidar([[10, 0, 0, 7]], pinhole, optical_from_body)
    assert image.channels[:, 15, 20].tolist() == [10, 7, 0]


@pytest.mark.parametrize(
    ("point", "row", "column"),
    [
        ((10, 0, 0), 15, 20),  # straight ahead: the principal point
        ((10, -4, 0), 15, 28),  # right of the robot (y points left): right in the image
        ((10, 4, 0), 15, 12),
        ((10, 0, 4), 7, 20),  # above: a smaller row
        ((10, 0, -4), 23, 20),
    ],
)
def test_axes_are_as_by_hand(pinhole, optical_from_body, point, row, column):
    image = project_lidar([(*map(float, point), 0.5)], pinhole, optical_from_body)
    assert np.argwhere(image.valid).tolist() == [[row, column]]
    expected = (math.dist(point, (0, 0, 0)), 0.5, point[2])
    assert np.allclose(image.channels[:, row, column], expected)


def test_range_and_height_are_the_lidars_own_not_the_cameras(pinhole, optical_from_body):
    pose = optical_from_body.copy()
    pose[:3, 3] = (0.0, 0.0, -5.0)  # the camera is 5 m ahead of the LiDAR
    image = project_lidar([(10.0, 0.0, 0.0, 0.5)], pinhole, pose)
    assert image.channels[:, 15, 20].tolist() == [10, 0.5, 0]


def test_the_nearest_point_wins_whatever_the_order(pinhole, optical_from_body):
    points = np.array([(20, 0, 0, 0.2), (5, 0, 0, 0.5), (10, 0, 0, 0.1)])
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        image = project_lidar(points[list(order)], pinhole, optical_from_body)
        assert image.channels[:, 15, 20].tolist() == [5, 0.5, 0]


def test_of_equal_ranges_the_first_wins(pinhole, optical_from_body):
    points = [(8.0, 0, 0, 0.25), (8.0, 0, 0, 0.75)]
    assert project_lidar(points, pinhole, optical_from_body).channels[1, 15, 20] == 0.25
    assert project_lidar(points[::-1], pinhole, optical_from_body).channels[1, 15, 20] == 0.75


def test_without_a_fourth_column_intensity_is_zero(pinhole, optical_from_body):
    image = project_lidar([(8.0, 0.0, 0.0)], pinhole, optical_from_body)
    assert image.channels[:, 15, 20].tolist() == [8, 0, 0]


def test_an_image_used_again_holds_only_the_new_sweep(pinhole, optical_from_body):
    out = project_lidar(cloud(1, 300), pinhole, optical_from_body, point_size=3)
    second = cloud(2, 20)
    assert assert_as_oracle(second, pinhole, optical_from_body, out=out) is out


@pytest.mark.parametrize(
    ("channels", "valid"),
    [
        (np.zeros((3, 30, 41), np.float32), np.zeros((30, 40), bool)),
        (np.zeros((3, 30, 40), np.float64), np.zeros((30, 40), bool)),
        (np.zeros((3, 30, 40), np.float32), np.zeros((30, 41), bool)),
        (np.zeros((3, 40, 30), np.float32).swapaxes(1, 2), np.zeros((30, 40), bool)),
        (read_only(np.zeros((3, 30, 40), np.float32)), np.zeros((30, 40), bool)),
    ],
)
def test_a_buffer_that_does_not_fit_is_refused(pinhole, optical_from_body, channels, valid):
    with pytest.raises(ConfigurationError, match="out of float"):
        project_lidar(np.zeros((1, 4)), pinhole, optical_from_body, out=LidarImage(channels, valid))


@pytest.mark.parametrize(
    "points", [np.zeros((4, 2)), np.zeros(4), np.zeros((2, 3, 4)), np.array([["a"] * 4])]
)
def test_points_of_another_shape_or_type_are_refused(pinhole, optical_from_body, points):
    with pytest.raises(RecordError, match="points of shape"):
        project_lidar(points, pinhole, optical_from_body)


@pytest.mark.parametrize(
    "options",
    [{"point_size": 0}, {"point_size": 65}, {"min_range_m": -1.0}, {"min_range_m": math.nan}],
)
def test_options_out_of_range_are_refused(pinhole, optical_from_body, options):
    with pytest.raises(ConfigurationError, match="point_size"):
        project_lidar(np.zeros((1, 4)), pinhole, optical_from_body, **options)


def test_a_pose_that_is_not_rigid_is_refused(pinhole):
    with pytest.raises(CalibrationError, match="camera_from_lidar"):
        project_lidar(np.zeros((1, 4)), pinhole, np.zeros((4, 4)))
