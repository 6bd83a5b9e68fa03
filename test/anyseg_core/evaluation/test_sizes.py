"""Sizes at which a network takes an image, and the way there and back."""

import numpy as np
import pytest

from anyseg_core.evaluation.sizes import STEP, network_size, resize_channels, resize_labels


def test_an_image_of_the_size_of_the_training_stays_as_it_is():
    assert network_size((100, 75), (100, 75)) == (100, 75)


@pytest.mark.parametrize(
    ("image", "trained", "wanted"),
    [
        ((1042, 1042), (1024, 1024), (1024, 1024)),  # DELIVER, as CMNeXt evaluates it
        ((360, 480), (256, 256), (224, 288)),  # CamVid with a network of square images
        ((1080, 1920), (512, 512), (384, 672)),
        ((40, 4000), (64, 64), (32, 640)),
    ],
)
def test_another_image_keeps_its_aspect_and_gets_about_the_pixels_of_the_training(
    image, trained, wanted
):
    height, width = network_size(image, trained)
    assert (height, width) == wanted
    assert height % STEP == width % STEP == 0


def test_a_resized_range_is_always_one_that_was_measured():
    ranges = np.random.default_rng(0).choice([0.0, 5.0, 60.0], (3, 40, 50)).astype(np.float32)
    for size in ((23, 31), (64, 96)):
        resized = resize_channels("lidar", ranges, size)
        assert resized.shape == (3, *size)
        assert set(np.unique(resized)) <= {0.0, 5.0, 60.0}


def test_colours_are_averaged_where_the_image_shrinks():
    board = np.indices((40, 40)).sum(0) % 2
    small = resize_channels("rgb", np.repeat(board[None], 3, 0).astype(np.float32), (20, 20))
    np.testing.assert_allclose(small, 0.5)


def test_labels_take_the_pixel_whose_centre_is_nearest():
    labels = np.arange(7, dtype=np.uint8)[None].repeat(3, 0)
    found = resize_labels(labels, (6, 12))
    nearest = [int((2 * x + 1) * 7 // (2 * 12)) for x in range(12)]
    assert found.tolist() == [nearest] * 6
    assert resize_labels(labels, (3, 7)) is labels
