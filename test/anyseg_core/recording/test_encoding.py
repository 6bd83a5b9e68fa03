from __future__ import annotations

import numpy as np
import pytest

from anyseg_core.recording.encoding import ENCODINGS, encode_labels
from anyseg_core.types import MODALITIES


def physical(name, rng):
    """Channels as the projection gives them: some pixels without a reading."""
    shape = (3, 20, 30)
    if name == "rgb":
        return (rng.integers(0, 256, shape) / 255.0).astype(np.float32)
    if name == "event":
        return rng.integers(0, 9, shape).astype(np.float32)
    if name == "depth":
        one = rng.uniform(0.3, 65.0, shape[1:]).astype(np.float32)
        channels = np.stack([one] * 3)
    else:
        channels = np.stack(
            [rng.uniform(1, 80, shape[1:]), rng.uniform(0, 255, shape[1:]),
             rng.uniform(-3, 30, shape[1:])]
        ).astype(np.float32)  # fmt: skip
    return channels * (rng.random(shape[1:]) < 0.7)


def decoded(stored, encoding):
    """What dataset.yaml says of the stored integers."""
    stored = stored[..., None] if stored.ndim == 2 else stored
    values = stored * np.array(encoding.scale) + np.array(encoding.offset)
    if encoding.zero_is_invalid:
        values[~stored.any(-1)] = 0.0
    return np.broadcast_to(np.moveaxis(values, -1, 0), (3, *stored.shape[:2]))


@pytest.mark.parametrize("name", MODALITIES)
def test_what_is_stored_differs_by_at_most_half_a_step_and_keeps_what_is_invalid(name):
    channels = physical(name, np.random.default_rng(5))
    encoding = ENCODINGS[name]
    back = decoded(encoding.encode(channels), encoding)
    step = np.reshape(np.broadcast_to(encoding.scale, 3), (3, 1, 1))
    assert np.all(np.abs(back - channels) <= 0.5 * step + 1e-5)
    if encoding.zero_is_invalid:
        assert np.array_equal(back.any(0), channels.any(0))


def test_event_counts_beyond_a_byte_are_cut_off():
    channels = np.full((3, 2, 2), 300.0, np.float32)
    assert np.all(ENCODINGS["event"].encode(channels) == 255)


def test_labels_are_stored_one_higher_in_the_red_channel_and_none_is_zero():
    labels = np.array([[0, 24, 255]], np.uint8)
    image = encode_labels(labels)
    assert image.shape == (1, 3, 4)
    assert image[0, :, 0].tolist() == [1, 25, 0]
