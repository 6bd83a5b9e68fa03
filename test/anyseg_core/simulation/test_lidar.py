from __future__ import annotations

import numpy as np
import pytest

from anyseg_core.classes import DELIVER
from anyseg_core.simulation import RigConfig
from anyseg_core.simulation.lidar import RANGE_SIGMA_M, beam_directions
from anyseg_core.simulation.materials import REFLECTIVITY

T_NS = 1_700_000_000


def projected(rig, t_ns):
    """Return the sweep's points seen by the camera: row, column, depth and range in metres."""
    points = rig.lidar(t_ns).points
    points = points[np.isfinite(points[:, 0]), :3].astype(np.float64)
    transform = rig.camera_from_lidar
    seen = points @ transform[:3, :3].T + transform[:3, 3]
    pixel = seen @ rig.camera_matrix.T
    column, row = (pixel[:, :2] / pixel[:, 2:]).T
    inside = (seen[:, 2] > 0.5) & (np.abs(column - 47.5) < 47) & (np.abs(row - 47.5) < 47)
    range_m = np.linalg.norm(points, axis=1)
    return row[inside], column[inside], seen[inside, 2], range_m[inside]


def flat(image, values):
    """Return where a pixel and its 8 neighbours all hold the same value."""
    same = np.zeros(image.shape, bool)
    same[1:-1, 1:-1] = True
    for rows in (-1, 0, 1):
        for columns in (-1, 0, 1):
            same[1:-1, 1:-1] &= (
                np.roll(values, (rows, columns), (0, 1))[1:-1, 1:-1] == (values[1:-1, 1:-1])
            )
    return same


def test_points_land_on_the_depth_image_where_it_is_smooth(rig):
    row, column, depth_m, _ = projected(rig, T_NS)
    pixel = np.rint(row).astype(int), np.rint(column).astype(int)
    labels = rig.labels(T_NS)
    road = flat(labels, labels)[pixel] & (labels[pixel] == DELIVER.names.index("Road"))
    truth = rig._view(T_NS).distance_m
    # Within half a pixel's row the road's depth changes by about its square over focal * height.
    slack = depth_m**2 / rig.camera_matrix[1, 1] / 1.65 + 6 * RANGE_SIGMA_M
    good = np.abs(truth[pixel] - depth_m) < slack
    assert road.sum() > 100
    assert good[road].mean() > 0.99


def test_points_far_above_the_road_never_land_on_it(rig):
    points = rig.lidar(T_NS).points
    transform = rig.camera_from_lidar
    high = np.isfinite(points[:, 0]) & (points[:, 2] > -0.5) & (points[:, 0] > 2.0)
    seen = points[high, :3] @ transform[:3, :3].T + transform[:3, 3]
    pixel = seen @ rig.camera_matrix.T
    column, row = np.rint(pixel[:, :2] / pixel[:, 2:]).astype(int).T
    labels = rig.labels(T_NS)
    inside = (column > 0) & (column < 95) & (row > 0) & (row < 95)
    calm = flat(labels, labels)[row[inside], column[inside]]
    classes = labels[row[inside], column[inside]][calm]
    assert len(classes) > 50
    assert (classes == DELIVER.names.index("Road")).mean() < 0.02


def test_no_return_is_infinite_and_a_dropped_one_is_nan(rig):
    points = rig.lidar(T_NS).points
    none, dropped = np.isposinf(points[:, 0]), np.isnan(points[:, 0])
    for missing in (none, dropped):
        assert missing.any()
        assert (points[missing, 3] == 0).all()
    assert np.isposinf(points[none, :3]).all()
    assert np.isnan(points[dropped, :3]).all()
    kept = ~none & ~dropped
    range_m = np.linalg.norm(points[kept, :3], axis=1)
    assert range_m.max() < rig.config.max_range_m + 1.0
    assert ((points[:, 3] >= 0) & (points[:, 3] <= 255)).all()


def test_the_cloud_is_organised_column_by_column_from_the_top_beam_down(rig):
    beams = beam_directions(rig.config).reshape(360, 24, 3)
    assert np.all(np.diff(beams[..., 2], axis=1) < 0)
    points = rig.lidar(T_NS).points.reshape(360, 24, 4)
    here = np.isfinite(points[..., 0])
    unit = points[here][:, :3] / np.linalg.norm(points[here][:, :3], axis=1, keepdims=True)
    np.testing.assert_allclose(unit, beams[here], atol=1e-5)


def test_beams_look_straight_ahead_in_the_middle_of_a_turn():
    beams = beam_directions(RigConfig(lidar_beams=1, lidar_columns=8))
    level = beams[:, :2] / np.linalg.norm(beams[:, :2], axis=1, keepdims=True)
    np.testing.assert_allclose(level[4], [1, 0], atol=1e-6)
    np.testing.assert_allclose(level[2], [0, 1], atol=1e-6)


def test_paint_on_the_road_returns_more_light_than_asphalt(rig):
    points = rig.lidar(T_NS).points
    near = np.isfinite(points[:, 0]) & (points[:, 2] < -1.6) & (np.abs(points[:, 1]) < 5)
    assert REFLECTIVITY.max() <= 1.0
    assert np.percentile(points[near, 3], 98) > 2.5 * np.median(points[near, 3])


@pytest.mark.parametrize("condition", ["fog", "rain"])
def test_bad_weather_costs_returns_and_gives_false_ones(make_rig, condition):
    clear, bad = make_rig(1, "cloud"), make_rig(1, condition)
    a, b = clear.lidar(T_NS).points, bad.lidar(T_NS).points
    both = np.isfinite(a[:, 0]) & np.isfinite(b[:, 0])
    shorter = np.linalg.norm(a[both, :3], axis=1) - np.linalg.norm(b[both, :3], axis=1) > 0.5
    assert shorter.mean() > 0.01
    assert b[:, 3].mean() < a[:, 3].mean()
