"""Contrast, exposure at night and hot pixels of a colour camera."""

import numpy as np
import pytest

from anyseg_core.health import hot_pixels, picture, rgb
from anyseg_core.types import RgbRecord


def names(verdict):
    return [finding.detector for finding in verdict.findings]


def textured(rng, low=30, high=220, size=(72, 96)):
    """A picture of random blocks of 3 x 3 pixels with 2 levels of noise."""
    height, width = size
    blocks = rng.integers(low, high, (height // 3, width // 3, 1))
    image = np.kron(blocks, np.ones((3, 3, 1))) + rng.normal(0, 2, (height, width, 3))
    return np.clip(image, 0, 255).astype(np.uint8)


def pictures(make):
    return lambda t: RgbRecord(t, "camera", make())


def foggy(image, share=0.92):
    return (image * (1 - share) + 205 * share).astype(np.uint8)


def test_fog_of_a_sudden_is_low_contrast(bench):
    rng = np.random.default_rng(1)
    under_watch = bench("rgb", 33)
    under_watch.feed(pictures(lambda: textured(rng)), 20)
    found = under_watch.feed(pictures(lambda: foggy(textured(rng))), 3)[-1]
    assert "rgb_low_contrast" in names(found)
    assert found.usable


def test_a_scene_that_lies_in_fog_all_along_finds_nothing(bench):
    rng = np.random.default_rng(1)
    under_watch = bench("rgb", 33)
    found = under_watch.feed(pictures(lambda: foggy(textured(rng))), 60)
    assert not any(names(verdict) for verdict in found)


def test_fog_that_draws_up_in_minutes_finds_nothing(bench):
    rng = np.random.default_rng(1)
    under_watch = bench("rgb", 33)
    found = []
    for share in np.linspace(0.0, 0.85, 900):
        found += under_watch.feed(pictures(lambda s=share: foggy(textured(rng), s)), 1)
    assert not any("rgb_low_contrast" in names(verdict) for verdict in found)


def test_the_far_contrast_agrees_with_a_loop():
    sample = np.random.default_rng(2).integers(0, 255, (50, 83, 3)).astype(np.uint8)
    cells = [sample[6 * r : 6 * r + 6, 10 * c : 10 * c + 10, 1] for r in range(4) for c in range(8)]
    expected = np.mean([cell.astype(float).std() for cell in cells])
    assert picture.measure_far_contrast(sample) == pytest.approx(expected, rel=1e-5)
    assert picture.measure_far_contrast(sample[:4]) == 0.0


def test_a_night_picture_that_brightens_of_a_sudden_is_over_exposed(bench):
    rng = np.random.default_rng(1)
    under_watch = bench("rgb", 33)
    under_watch.feed(pictures(lambda: textured(rng, 5, 90)), 20)
    bright = under_watch.feed(pictures(lambda: textured(rng, 40, 180)), 3)[-1]
    assert names(bright) == ["rgb_over_exposed"]
    assert rgb.check_brightened(74.0, 50.0, 1.5) is None
    assert rgb.check_brightened(76.0, 50.0, 1.5).threshold == pytest.approx(75.0)


def with_hot(image, where):
    image = image.copy()
    image[where] = 255
    return image


def test_hot_pixels_stay_in_their_place_and_sparks_do_not(bench):
    rng = np.random.default_rng(1)
    where = rng.random((72, 96)) < 0.02
    for place, expected in ((lambda: where, True), (lambda: rng.random((72, 96)) < 0.02, False)):
        under_watch = bench("rgb", 33)
        under_watch.feed(pictures(lambda: textured(rng, 30, 150)), 20)
        found = under_watch.feed(
            pictures(lambda p=place: with_hot(textured(rng, 30, 150), p())), 6
        )[-1]
        assert ("rgb_hot_pixels" in names(found)) is expected


def test_a_robot_that_stops_before_a_busy_wall_has_no_hot_pixels(bench):
    rng = np.random.default_rng(1)
    wall = textured(rng)
    under_watch = bench("rgb", 33)
    under_watch.feed(pictures(lambda: textured(rng)), 20)
    still = under_watch.feed(
        pictures(lambda: np.clip(wall + rng.normal(0, 2, wall.shape), 0, 255).astype(np.uint8)), 9
    )
    assert not any("rgb_hot_pixels" in names(verdict) for verdict in still)


def test_isolated_pixels_agree_with_a_loop():
    image = np.random.default_rng(3).integers(0, 255, (40, 30, 3)).astype(np.uint8)
    green = image[..., 1].astype(int)
    expected = [
        [
            green[r, c]
            > 40 + max(green[r - 1, c], green[r + 1, c], green[r, c - 1], green[r, c + 1])
            for c in range(1, 29)
        ]
        for r in range(1, 39)
    ]
    found = hot_pixels.find_isolated(image, 40.0)
    np.testing.assert_array_equal(found, expected)
    assert 0 < found.sum() < found.size


def test_persistence_is_what_chance_does_not_explain():
    rng = np.random.default_rng(4)
    first, second = rng.random((2, 200, 200)) < 0.1
    assert hot_pixels.measure_persistence(first, second) < 0.004
    assert hot_pixels.measure_persistence(first, first) == pytest.approx(
        first.mean() - first.mean() ** 2
    )
    assert hot_pixels.measure_persistence(first, second[:50]) == 0.0
