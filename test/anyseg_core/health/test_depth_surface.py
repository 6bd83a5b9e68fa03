"""Noise, holes and blocked regions of a depth camera."""

from itertools import pairwise

import numpy as np
import pytest

from anyseg_core.health import depth_surface
from anyseg_core.types import DepthRecord


def names(verdict):
    return [finding.detector for finding in verdict.findings]


def room(rng, noise=0.003, holes=0.02):
    """Depth uint16 [72, 96] of a slanting floor below a wall, in millimetres."""
    row, column = np.mgrid[:72, :96]
    floor = 1.0 / np.maximum(1e-3, (row - 20) / 90.0 + 0.002 * column / 96)
    metres = np.minimum(floor, 9.0 + column / 40.0)
    metres = metres * (1 + noise * rng.standard_normal(metres.shape))
    metres[rng.random(metres.shape) < holes] = 0
    return (1000 * metres).astype(np.uint16)


def images(make):
    return lambda t: DepthRecord(t, "camera", make(), 0.001)


@pytest.mark.parametrize(
    ("change", "name"), [({"noise": 0.15}, "depth_noisy"), ({"holes": 0.2}, "depth_speckled")]
)
def test_noise_and_holes_of_a_sudden_are_told(bench, change, name):
    rng = np.random.default_rng(1)
    under_watch = bench("depth", 33)
    clean = under_watch.feed(images(lambda: room(rng)), 40)
    assert not any(names(verdict) for verdict in clean)
    assert names(under_watch.feed(images(lambda: room(rng, **change)), 3)[-1]) == [name]


@pytest.mark.parametrize("change", [{"noise": 0.15}, {"holes": 0.2}])
def test_a_camera_that_is_so_all_along_finds_nothing(bench, change):
    rng = np.random.default_rng(1)
    under_watch = bench("depth", 33)
    found = under_watch.feed(images(lambda: room(rng, **change)), 60)
    assert not any(names(verdict) for verdict in found)


def test_a_region_that_lost_its_depth_is_blocked(bench):
    rng = np.random.default_rng(1)

    def blocked():
        depth = room(rng)
        depth[18:66, 22:84] = 0
        return depth

    under_watch = bench("depth", 33)
    under_watch.feed(images(lambda: room(rng)), 40)
    assert "depth_blocked" in names(under_watch.feed(images(blocked), 3)[-1])


def test_the_noise_of_a_slanting_plane_is_its_own():
    rng = np.random.default_rng(2)
    column = np.arange(640)
    plane = 1.0 / (0.05 + 0.0004 * column)[None] * np.ones((60, 1))
    for sigma in (0.01, 0.05):
        noisy = plane * (1 + sigma * rng.standard_normal(plane.shape))
        rows = depth_surface.take_rows(noisy.astype(np.float32))
        assert depth_surface.measure_noise(rows) == pytest.approx(sigma, rel=0.05)
    assert depth_surface.measure_noise(depth_surface.take_rows(plane.astype(np.float32))) < 1e-5


def test_noise_is_not_measured_where_hardly_anything_has_depth():
    rows = np.zeros((48, 96), np.float32)
    rows[:3, :20] = 4.0
    assert depth_surface.measure_noise(rows) is None


def test_rows_hold_zero_wherever_there_is_no_depth():
    depth = np.array([[np.nan, np.inf, -np.inf, -2.0, 0.0, 3.0]], np.float32)
    np.testing.assert_array_equal(depth_surface.take_rows(depth), [[0, 0, 0, 0, 0, 3]])


def test_speckle_agrees_with_a_loop():
    rows = (np.random.default_rng(5).random((12, 40)) < 0.6).astype(np.float32)
    pairs = [(a > 0) != (b > 0) for row in rows for a, b in pairwise(row)]
    assert depth_surface.measure_speckle(rows) == pytest.approx(np.mean(pairs))
    assert depth_surface.measure_speckle(rows[:, :1]) == 0.0


def test_valid_shares_agree_with_a_loop():
    sample = np.random.default_rng(6).integers(0, 2, (50, 83)).astype(np.uint16)
    expected = [
        (sample[6 * r : 6 * r + 6, 10 * c : 10 * c + 10] > 0).mean()
        for r in range(8)
        for c in range(8)
    ]
    np.testing.assert_allclose(depth_surface.valid_counts(sample), expected)
