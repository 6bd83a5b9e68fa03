"""Colour is resized and normalised as OpenCV and plain numpy do it in steps."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.projection import resize_rgb

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def random_image(seed, height, width):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def steps(image, width, height, mean=MEAN, std=STD):
    resized = cv2.resize(image.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return ((resized / 255 - mean) / std).transpose(2, 0, 1)


sides = st.integers(1, 40)


@given(st.integers(0, 2**32 - 1), sides, sides, sides, sides)
def test_it_agrees_with_opencvs_linear_resize_then_normalising(seed, h, w, height, width):
    image = random_image(seed, h, w)
    result = resize_rgb(image, width, height, MEAN, STD)
    assert result.dtype == np.float32
    assert np.allclose(result, steps(image, width, height), atol=2e-3)


def padded_rows(image):
    return np.pad(image, ((0, 0), (0, 3), (0, 0)))[:, :-3]


def test_channels_stay_in_order_and_the_picture_upright():
    image = np.zeros((4, 6, 3), np.uint8)
    image[0, 0] = (255, 0, 0)
    image[3, 5] = (0, 0, 255)
    result = resize_rgb(image, 6, 4, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    assert result[:, 0, 0].tolist() == [1, 0, 0]
    assert result[:, 3, 5].tolist() == [0, 0, 1]
    assert result.sum() == 2


@pytest.mark.parametrize(
    "layout",
    [np.asfortranarray, lambda i: i[::-1, ::-1][::-1, ::-1], padded_rows,
     lambda i: i[..., ::-1].copy()[..., ::-1]],
    ids=["fortran", "reversed", "padded rows", "from bgr"],
)  # fmt: skip
def test_the_memory_layout_of_the_image_does_not_matter(layout):
    image = random_image(1, 17, 23)
    expected = resize_rgb(image, 11, 13, MEAN, STD)
    assert np.array_equal(resize_rgb(layout(image), 11, 13, MEAN, STD), expected)


def test_a_read_only_image_is_taken_and_not_changed():
    image = random_image(1, 17, 23)
    copy = image.copy()
    image.flags.writeable = False
    assert np.array_equal(resize_rgb(image, 5, 5, MEAN, STD), resize_rgb(copy, 5, 5, MEAN, STD))
    assert np.array_equal(image, copy)


def test_a_given_buffer_is_written_and_returned():
    out = np.full((3, 8, 9), np.nan, np.float32)
    image = random_image(2, 20, 30)
    assert resize_rgb(image, 9, 8, MEAN, STD, out=out) is out
    assert np.allclose(out, steps(image, 9, 8), atol=2e-3)


def test_wrong_images_sizes_statistics_and_buffers_are_refused():
    image = random_image(2, 20, 30)
    for bad in (image[..., 0], image.astype(np.float32), image[:0], image[..., :2]):
        with pytest.raises(RecordError, match="an image of"):
            resize_rgb(bad, 9, 8, MEAN, STD)
    with pytest.raises(ConfigurationError, match="0 x 8"):
        resize_rgb(image, 0, 8, MEAN, STD)
    with pytest.raises(ConfigurationError, match="std"):
        resize_rgb(image, 9, 8, MEAN, (0.2, 0.0, 0.2))
    with pytest.raises(ConfigurationError, match="out of float32"):
        resize_rgb(image, 9, 8, MEAN, STD, out=np.empty((3, 9, 8), np.float32))
