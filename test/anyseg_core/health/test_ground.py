"""What the ground tells of a LiDAR's mount."""

import numpy as np
import pytest

from anyseg_core.health import ground
from anyseg_core.types import LidarRecord


def names(verdict):
    return [finding.detector for finding in verdict.findings]


def test_a_sweep_that_tilts_to_and_fro_jitters_and_one_that_leans_does_not(bench, street):
    rng = np.random.default_rng(4)
    tilts = iter([0.0] * 15 + [0.05, -0.05, 0.05, -0.05])
    under_watch = bench("lidar", 100)
    shaken = under_watch.feed(lambda t: LidarRecord(t, "lidar", street(rng, next(tilts))), 19)
    assert "lidar_jitter" in names(shaken[-1])
    leaning = bench("lidar", 100)
    tilts = iter(np.linspace(0, 0.02, 15))
    assert not names(
        leaning.feed(lambda t: LidarRecord(t, "lidar", street(rng, next(tilts))), 15)[-1]
    )


def test_the_grounds_tilt_is_measured_in_degrees(street):
    rng = np.random.default_rng(1)
    level, tilted = (ground.fit_ground(street(rng, tilt)[:, :3]) for tilt in (0.0, 0.04))
    assert level[2] == pytest.approx(-1.8, abs=0.1)
    assert ground.measure_tilt_deg(tilted, level) == pytest.approx(np.degrees(0.04), abs=0.3)
    assert ground.fit_ground(rng.normal(0, 10, (4000, 3)).astype(np.float32)) is None
    assert ground.fit_ground(np.zeros((0, 3), np.float32)) is None


def _fit_with_numpy(points):
    """The ground by numpy's own least squares, cell by cell."""
    points = points.astype(np.float64)
    distance, azimuth = np.hypot(*points[:, :2].T), np.arctan2(points[:, 1], points[:, 0])
    lowest = []
    for near in 2.0 + 5.75 * np.arange(4):
        for sector in range(36):
            here = (distance > near) & (distance < near + 5.75)
            here &= np.floor((azimuth + np.pi) / (2 * np.pi) * 36).astype(int) % 36 == sector
            if here.any():
                lowest.append(points[here][np.argmin(points[here, 2])])
    lowest = np.array(lowest, np.float64)
    for _ in range(4):
        design = np.column_stack([lowest[:, :2], np.ones(len(lowest))])
        plane = np.linalg.lstsq(design, lowest[:, 2], rcond=None)[0]
        off = np.abs(lowest[:, 2] - design @ plane)
        lowest = lowest[off <= 2.0 * np.median(off) + 1e-6]
    return plane


@pytest.mark.parametrize("tilt", [0.0, 0.03, -0.06])
def test_the_ground_is_that_of_numpys_least_squares(street, tilt):
    points = street(np.random.default_rng(3), tilt)[:, :3]
    np.testing.assert_allclose(ground.fit_ground(points), _fit_with_numpy(points), atol=1e-6)


def test_points_on_a_line_are_no_ground():
    along = np.linspace(-24, 24, 400, dtype=np.float32)
    assert ground.fit_ground(np.stack([along, along, along * 0], 1)) is None


def test_one_sweep_that_tilts_there_and_back_is_no_jitter(bench, street):
    rng = np.random.default_rng(4)
    tilts = iter([0.0] * 15 + [0.05] + [0.0] * 4)
    under_watch = bench("lidar", 100)
    found = under_watch.feed(lambda t: LidarRecord(t, "lidar", street(rng, next(tilts))), 20)
    assert not any(names(verdict) for verdict in found)


def test_a_mount_that_gave_way_is_told_and_one_that_leans_into_a_bend_is_not(bench, street):
    rng = np.random.default_rng(4)
    for tilts, expected in (
        ([0.0] * 25 + [0.05] * 15, ["lidar_moved"]),
        ([0.0] * 25 + [0.015] * 15, []),
    ):
        angles = iter(tilts)
        under_watch = bench("lidar", 100)
        last = under_watch.feed(
            lambda t, a=angles: LidarRecord(t, "lidar", street(rng, next(a))), len(tilts)
        )[-1]
        assert names(last) == expected


def test_a_mount_that_stays_as_it_is_becomes_the_usual(bench, street):
    rng = np.random.default_rng(4)
    under_watch = bench("lidar", 100)
    under_watch.feed(lambda t: LidarRecord(t, "lidar", street(rng)), 25)
    moved = under_watch.feed(lambda t: LidarRecord(t, "lidar", street(rng, 0.03)), 300)
    assert names(moved[20]) == ["lidar_moved"]
    assert not names(moved[-1])


def test_a_plane_through_roofs_is_no_ground(street):
    rng = np.random.default_rng(4)
    points = street(rng)[:, :3]
    # Half of the lowest points lie a storey below the plane of the others.
    low = points[:, 1] > 0
    points[low, 2] -= 3.0
    assert ground.fit_ground(points) is None
