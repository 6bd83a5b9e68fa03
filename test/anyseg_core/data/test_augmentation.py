"""Augmentation moves all modalities and the labels alike, and faults touch one of them."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyseg_core.data import Augmentation, AugmentationConfig, Sample
from anyseg_core.data.geometric import View, random_view
from anyseg_core.data.photometric import colour_jitter, gaussian_blur
from anyseg_core.errors import ConfigurationError

HEIGHT, WIDTH = 24, 36
ALL = ("rgb", "depth", "event", "lidar")
STILL = {"jitter_probability": 0.0, "blur_probability": 0.0}


def class_at(row, column):
    """Return the label of a pixel of ``coordinates``."""
    return (row * 7 + column * 3) % 200


def coordinates():
    """Return a sample whose channels hold each pixel's own row and column, and 1."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    channels = np.stack((rows, columns, np.ones_like(rows)))
    labels = class_at(rows, columns).astype(np.uint8)
    return Sample("a", {name: channels.copy() for name in ALL}, labels, "fog", "motionblur")


def whole(**options):
    """Return an augmentation that leaves the geometry alone."""
    options = {"crop": (HEIGHT, WIDTH), "scale": (1.0, 1.0), "flip_probability": 0.0} | options
    return Augmentation(AugmentationConfig(**options))


settings_of_augmentation = st.fixed_dictionaries({
    "crop": st.tuples(st.integers(1, 60), st.integers(1, 60)),
    "scale": st.tuples(st.floats(0.2, 1.0), st.floats(1.0, 3.0)),
    "flip_probability": st.sampled_from((0.0, 0.5, 1.0)),
    "drop_probability": st.sampled_from((0.0, 0.5)),
})  # fmt: skip
seeds = st.integers(0, 2**32 - 1)


@given(settings_of_augmentation, seeds)
@settings(max_examples=150, deadline=None)
def test_every_pixel_keeps_its_label_in_every_modality(options, seed):
    config = AugmentationConfig(**options, **STILL)
    out = Augmentation(config)(coordinates(), np.random.default_rng(seed))
    assert out.labels.shape == config.crop
    for name, channels in out.channels.items():
        assert channels.shape == (3, *config.crop)
        assert channels.dtype == np.float32
        row, column, inside = channels
        inside = inside > 0.5
        assert (out.labels[~inside] == 255).all()
        assert not channels[:, ~inside].any()
        if name == "rgb":  # between pixels: its neighbours' nearest is at most half away
            near_row, near_column = np.rint(row[inside]), np.rint(column[inside])
            reached = {
                (dr, dc): class_at(near_row + dr, near_column + dc)
                for dr in (-1, 0, 1) for dc in (-1, 0, 1)
            }  # fmt: skip
            assert np.any([labels == out.labels[inside] for labels in reached.values()], 0).all()
        else:
            assert np.array_equal(out.labels[inside], class_at(row[inside], column[inside]))


@given(settings_of_augmentation, seeds)
@settings(max_examples=80, deadline=None)
def test_modalities_show_the_same_place(options, seed):
    config = AugmentationConfig(**options | {"drop_probability": 0.0}, **STILL)
    out = Augmentation(config)(coordinates(), np.random.default_rng(seed)).channels
    assert np.array_equal(out["lidar"], out["depth"])
    assert np.array_equal(out["lidar"], out["event"])
    assert np.abs(out["rgb"][:2] - out["lidar"][:2]).max(initial=0.0) <= 0.5 + 1 / 16


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)), st.tuples(st.integers(1, 50),
    st.integers(1, 50)), st.floats(0.3, 3.0), st.booleans(), seeds,
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_a_view_is_the_resized_image_cut_and_mirrored(source, crop, factor, flip, seed):
    rng = np.random.default_rng(seed)
    view = random_view(source, crop, (factor, factor), float(flip), rng)
    assert view.resized == tuple(max(1, round(side * factor)) for side in source)
    image = rng.random((*source, 3), np.float32)
    top, left = view.corner
    height, width = view.shape
    large = cv2.resize(image, view.resized[::-1], interpolation=cv2.INTER_LINEAR)
    expected = large[top : top + height, left : left + width]
    expected = expected[:, ::-1] if flip else expected
    # cv2.remap takes coordinates to a 32nd of a pixel
    np.testing.assert_allclose(view.linear(image), expected, atol=0.04)
    assert_neighbours(view, image, view.nearest(image))


def assert_neighbours(view, image, got):
    """Check each pixel against the nearest in the source, by slow loops; ties may go either way."""
    assert got.shape == (*view.shape, 3)
    for i in range(got.shape[0]):
        for j in range(got.shape[1]):
            column = got.shape[1] - 1 - j if view.flip else j
            y = (i + view.corner[0] + 0.5) * view.source[0] / view.resized[0] - 0.5
            x = (column + view.corner[1] + 0.5) * view.source[1] / view.resized[1] - 0.5
            near = [
                image[r, c] for r in {int(np.floor(y + 0.5 - 1e-9)), int(np.floor(y + 0.5 + 1e-9))}
                for c in {int(np.floor(x + 0.5 - 1e-9)), int(np.floor(x + 0.5 + 1e-9))}
                if 0 <= r < view.source[0] and 0 <= c < view.source[1]
            ]  # fmt: skip
            assert any(np.array_equal(got[i, j], pixel) for pixel in near)


@given(seeds)
@settings(max_examples=60, deadline=None)
def test_a_crop_stays_inside_and_may_lie_anywhere(seed):
    view = random_view((10, 12), (4, 5), (0.9, 1.5), 0.5, np.random.default_rng(seed))
    for axis in (0, 1):
        assert 0 <= view.corner[axis] <= view.resized[axis] - view.shape[axis]
    assert view.shape == (4, 5)


def test_every_place_of_a_crop_occurs():
    rng = np.random.default_rng(0)
    corners = {random_view((6, 6), (4, 4), (1, 1), 0, rng).corner for _ in range(300)}
    assert corners == {(r, c) for r in range(3) for c in range(3)}


def test_nothing_changes_where_nothing_is_asked():
    sample = coordinates()
    out = whole(**STILL)(sample, np.random.default_rng(0))
    assert (out.name, out.condition, out.failure) == ("a", "fog", "motionblur")
    assert np.array_equal(out.labels, sample.labels)
    for name in ALL:
        assert np.array_equal(out.channels[name], sample.channels[name])


def test_padding_is_0_and_ignored():
    out = Augmentation(AugmentationConfig(crop=(30, 50), scale=(1, 1), flip_probability=1, **STILL))
    sample = out(coordinates(), np.random.default_rng(0))
    inside = np.zeros((30, 50), bool)
    inside[:24, 14:] = True  # mirrored: the image is at the right
    assert (sample.labels[~inside] == 255).all()
    assert (sample.labels[inside] < 200).all()
    assert not any(channels[:, ~inside].any() for channels in sample.channels.values())


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_the_same_seed_gives_the_same_sample(seed):
    config = AugmentationConfig(
        crop=(16, 16), jitter_probability=0.5, blur_probability=0.5, drop_probability=0.3,
        fault_probability=0.5,
    )  # fmt: skip
    first, second = (Augmentation(config)(picture(), np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(first.labels, second.labels)
    assert first.channels.keys() == second.channels.keys()
    for name, channels in first.channels.items():
        assert np.array_equal(channels, second.channels[name])


def picture():
    """Return a sample with plausible values."""
    rng = np.random.default_rng(1)
    lidar = np.where(
        rng.random((1, HEIGHT, WIDTH)) < 0.4, rng.uniform(1, 60, (3, HEIGHT, WIDTH)), 0
    )
    return Sample(
        "a",
        {
            "rgb": rng.uniform(0.2, 0.8, (3, HEIGHT, WIDTH)).astype(np.float32),
            "depth": np.repeat(rng.uniform(1, 50, (1, HEIGHT, WIDTH)), 3, 0).astype(np.float32),
            "event": rng.poisson(1, (3, HEIGHT, WIDTH)).astype(np.float32) * [[[1]], [[1]], [[0]]],
            "lidar": lidar.astype(np.float32),
        },
        rng.integers(0, 25, (HEIGHT, WIDTH)).astype(np.uint8),
    )


def test_other_seeds_give_other_samples():
    out = [
        Augmentation(AugmentationConfig(crop=(16, 16)))(picture(), np.random.default_rng(seed))
        for seed in range(20)
    ]
    assert len({sample.labels.tobytes() for sample in out}) == 20


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_the_sample_given_is_not_changed(seed):
    sample, untouched = picture(), picture()
    for channels in (*sample.channels.values(), sample.labels):
        channels.flags.writeable = False
    config = AugmentationConfig(crop=(20, 20), fault_probability=1.0, jitter_probability=1.0)
    Augmentation(config)(sample, np.random.default_rng(seed))
    for name in ALL:
        assert np.array_equal(sample.channels[name], untouched.channels[name])


def test_a_channel_that_stands_for_three_is_treated_like_three():
    plain = coordinates()
    one = np.broadcast_to(plain.channels["depth"][0], (3, HEIGHT, WIDTH))
    three = np.ascontiguousarray(one)
    for linear in (frozenset(), frozenset({"depth"})):
        augment = Augmentation(AugmentationConfig(crop=(20, 20), linear=linear))
        a, b = (
            augment(Sample("a", {"depth": c}, plain.labels), np.random.default_rng(4))
            for c in (one, three)
        )
        assert np.array_equal(a.channels["depth"], b.channels["depth"])


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_jitter_is_brightness_then_contrast_then_saturation(seed):
    image = np.random.default_rng(seed).random((5, 6, 3), np.float32)
    got = colour_jitter(image, np.random.default_rng(seed))
    brightness, contrast, saturation = np.random.default_rng(seed).uniform(0.5, 1.5, 3)
    expected = np.clip(image.astype(float) * brightness, 0, 1)
    grey = [[0.2989 * r + 0.587 * g + 0.114 * b for r, g, b in row] for row in expected]
    expected = np.clip(contrast * expected + (1 - contrast) * np.mean(grey), 0, 1)
    for row in expected:
        for pixel in row:
            own = 0.2989 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]
            pixel[:] = np.clip(saturation * pixel + (1 - saturation) * own, 0, 1)
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert got.dtype == np.float32


def test_blur_spreads_a_point_over_its_neighbours():
    image = np.zeros((7, 7, 3), np.float32)
    image[3, 3] = 1.0
    weights = np.exp(-(np.arange(-1, 2) ** 2) / (2 * 0.8**2))
    weights /= weights.sum()
    expected = np.zeros((7, 7))
    expected[2:5, 2:5] = np.outer(weights, weights)
    np.testing.assert_allclose(gaussian_blur(image)[..., 1], expected, atol=1e-6)


@pytest.mark.parametrize("what", ["jitter_probability", "blur_probability"])
def test_only_colour_is_jittered_and_blurred(what):
    sample = picture()
    out = whole(**(STILL | {what: 1.0}))(sample, np.random.default_rng(0))
    assert not np.allclose(out.channels["rgb"], sample.channels["rgb"])
    for name in ("depth", "event", "lidar"):
        assert np.array_equal(out.channels[name], sample.channels[name])


def test_a_fault_degrades_one_modality_and_no_label():
    sample, seen = picture(), set()
    augment = whole(**STILL, fault_probability=1.0)
    for seed in range(60):
        out = augment(sample, np.random.default_rng(seed))
        changed = {
            name for name in ALL if not np.array_equal(out.channels[name], sample.channels[name])
        }
        assert len(changed) <= 1
        assert np.array_equal(out.labels, sample.labels)
        seen |= changed
    assert seen == set(ALL)


def test_dropping_leaves_at_least_one_modality():
    out = [
        set(whole(**STILL, drop_probability=0.9)(picture(), np.random.default_rng(s)).channels)
        for s in range(60)
    ]
    assert all(out)
    assert {len(names) for names in out} >= {1, 2}
    assert set().union(*out) == set(ALL)


def test_the_fault_falls_on_a_modality_that_is_left():
    augment, sample = whole(**STILL, drop_probability=1.0, fault_probability=1.0), picture()
    changed = []
    for seed in range(40):
        ((name, channels),) = augment(sample, np.random.default_rng(seed)).channels.items()
        changed.append(not np.array_equal(channels, sample.channels[name]))
    assert np.mean(changed) > 0.9


def test_views_need_a_shape_of_their_own():
    view = View((4, 6), (4, 6), (1, 2), (2, 3), flip=True)
    image = np.arange(24, dtype=np.uint8).reshape(4, 6)
    assert view.nearest(image).tolist() == [[10, 9, 8], [16, 15, 14]]


@pytest.mark.parametrize(
    "options",
    [
        {"crop": (0, 4)},
        {"crop": (4, 4, 4)},
        {"crop": (4, 4), "scale": (2.0, 0.5)},
        {"crop": (4, 4), "scale": (0.0, 0.5)},
        {"crop": (4, 4), "flip_probability": 1.5},
        {"crop": (4, 4), "drop_probability": -0.1},
        {"crop": (4, 4), "fault_probability": float("nan")},
    ],
)
def test_values_out_of_range_are_refused(options):
    with pytest.raises(ConfigurationError):
        AugmentationConfig(**options)
