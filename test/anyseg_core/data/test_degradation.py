"""Faults on images that are already in the camera's plane."""

import numpy as np
import pytest

from anyseg_core.data.degradation import PHYSICAL, PICTURES, UNKNOWN, degraded
from anyseg_core.simulation.faults import KINDS

SIZE = (32, 48)
CASES = [
    (table, modality, kind)
    for table in (PHYSICAL, PICTURES)
    for modality, kinds in table.items()
    for kind in kinds
]


def image_of(modality, *, physical):
    rng = np.random.default_rng(5)
    if modality == "event" and physical:
        counts = rng.poisson(0.5, (*SIZE, 3)).astype(np.float32)
        counts[..., 2] = 0
        return counts
    if modality == "lidar":
        measured = rng.random(SIZE) < 0.5
        values = rng.uniform(2, 40, (*SIZE, 3)) if physical else rng.random((*SIZE, 3))
        return (values * measured[..., None]).astype(np.float32)
    if modality == "depth" and physical:
        return np.repeat(rng.uniform(2, 40, (*SIZE, 1)), 3, axis=2).astype(np.float32)
    return rng.uniform(0.2, 0.8, (*SIZE, 3)).astype(np.float32)


@pytest.mark.parametrize(("table", "modality", "kind"), CASES)
def test_a_fault_changes_a_copy_in_the_same_units(table, modality, kind):
    physical = table is PHYSICAL
    image = image_of(modality, physical=physical)
    before = image.copy()
    out, again = (table[modality][kind](image, 0.8, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(image, before)
    assert np.array_equal(out, again)
    assert out.shape == image.shape
    assert out.dtype == np.float32
    assert np.isfinite(out).all()
    assert (out >= 0).all()
    assert not np.array_equal(out, image)
    if not physical or modality in {"rgb", "image"}:
        assert out.max() <= 1.0


def test_kinds_are_those_of_the_simulator():
    for table in (PHYSICAL, PICTURES):
        for modality, kinds in table.items():
            if modality != "image":
                known = {kind for kind, sensors in KINDS.items() if modality in sensors}
                assert set(kinds) - {"black"} <= known


def test_every_kind_is_drawn():
    image = image_of("rgb", physical=True)
    out = {
        degraded("rgb", image, np.random.default_rng(s), physical=True).mean().round(3)
        for s in range(60)
    }
    assert len(out) >= len(PHYSICAL["rgb"])


def test_an_unknown_modality_can_be_covered():
    image = image_of("nir", physical=True)
    out = degraded("nir", image, np.random.default_rng(0), physical=True)
    assert set(UNKNOWN) == {"blocked_region"}
    covered = (out == 0).all(axis=2)
    assert 0.05 < covered.mean() < 0.6
    assert np.array_equal(out[~covered], image[~covered])


@pytest.mark.parametrize("kind", ["lost_sector", "lost_rings"])
def test_lost_lidar_pixels_are_0_and_the_others_stay(kind):
    image = image_of("lidar", physical=True)
    out = PHYSICAL["lidar"][kind](image, 0.4, np.random.default_rng(0))
    lost = (image[..., 0] > 0) & (out == 0).all(axis=2)
    assert 0.1 < lost.sum() / (image[..., 0] > 0).sum() < 1.0
    np.testing.assert_allclose(out[~lost], image[~lost], rtol=1e-5)


def test_a_lost_sector_is_a_band_of_columns():
    image = np.ones((*SIZE, 3), np.float32) * 5
    out = PHYSICAL["lidar"]["lost_sector"](image, 0.4, np.random.default_rng(0))
    lost = (out == 0).all(axis=2)
    columns = np.flatnonzero(lost[SIZE[0] // 2])
    assert columns.size > 3
    assert np.array_equal(columns, np.arange(columns[0], columns[-1] + 1))


def test_lost_rings_are_lines_across_the_image():
    image = np.ones((*SIZE, 3), np.float32) * 5
    out = PHYSICAL["lidar"]["lost_rings"](image, 1.0, np.random.default_rng(1))
    lost = (out == 0).all(axis=2)
    assert lost.any()
    assert np.array_equal(lost.all(axis=1), lost.any(axis=1))


def test_lidar_noise_moves_range_and_height_along_the_beam():
    image = image_of("lidar", physical=True)
    out = PHYSICAL["lidar"]["noise"](image, 0.5, np.random.default_rng(0))
    here = image[..., 0] > 0
    factor = out[here, 0] / image[here, 0]
    np.testing.assert_allclose(out[here, 2] / image[here, 2], factor, rtol=1e-4)
    np.testing.assert_allclose(out[here, 1], image[here, 1])
    assert not out[~here].any()


def test_depth_keeps_three_equal_channels():
    image = image_of("depth", physical=True)
    for kind, change in PHYSICAL["depth"].items():
        out = change(image, 1.0, np.random.default_rng(0))
        assert np.array_equal(out[..., 0], out[..., 2]), kind


def test_event_noise_and_hot_pixels_are_whole_counts():
    image = image_of("event", physical=True)
    for kind in ("noise", "hot_pixels"):
        added = PHYSICAL["event"][kind](image, 1.0, np.random.default_rng(0)) - image
        assert (added >= 0).all(), kind
        assert np.array_equal(added, np.rint(added)), kind
        assert not added[..., 2].any(), kind
        assert added.sum() > 100, kind
