"""Decoding and binning in one pass."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from anyseg_core.errors import RecordError
from anyseg_core.events import ENCODINGS, open_decoder
from anyseg_core.projection.events import bin_events

WIDTH, HEIGHT = 64, 48


def random_payload(encoding, size, seed):
    """Random bytes whose addresses mostly lie on the sensor."""
    words = np.random.default_rng(seed).integers(0, 2**16, size // 2, np.uint16)
    if encoding in {"evt3", "libcaer_cmp"}:
        words &= 0xF83F
        kinds = np.array([0, 2, 3, 4, 5, 6, 8] if encoding == "evt3" else range(6), np.uint16)
        words = words & 0x0FFF | kinds[(words >> 12) % len(kinds)] << 12
    elif encoding == "mono":
        words[2::4] &= 0x3F
        words[3::4] &= 0x803F
    else:
        words[0::4] &= 0x00FF
        words[1::4] &= 0x007E
        words[3::4] &= 0x7FFF
    return words.tobytes()


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("size", [0, 8, 4000, 200_000])
def test_one_pass_gives_the_image_and_counters_of_decoding_and_binning(encoding, size):
    apart, together = (open_decoder(encoding, WIDTH, HEIGHT) for _ in range(2))
    image = np.zeros((3, HEIGHT, WIDTH), np.float32)
    expected = np.zeros_like(image)
    for seed in range(3):
        payload = random_payload(encoding, size, seed)
        events = apart.decode(payload, 7)
        expected += bin_events(events, WIDTH, HEIGHT)
        assert together.decode_into(payload, image, 7) == len(events)
    assert size < 4000 or expected.sum() > 100
    np.testing.assert_array_equal(image, expected)
    assert together.counters == apart.counters


@pytest.mark.parametrize("window", [(None, None), (0, 2**60)], ids=["whole", "window"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_one_pass_makes_no_arrays_of_events_or_pixels(encoding, window):
    decoder = open_decoder(encoding, 640, 480)
    image = np.zeros((3, 480, 640), np.float32)
    payloads = [random_payload(encoding, 400_000, seed) for seed in range(2)]
    start_ns, end_ns = window

    def run():
        for payload in payloads:
            decoder.decode_into(payload, image, 7, t_start_ns=start_ns, t_end_ns=end_ns)

    run()
    tracemalloc.start()
    try:
        run()
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        run()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert image.sum() > 10_000
    assert peak - before < 40_000  # one byte for each pixel would be 307 200
    assert after - before < 2_000


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_one_pass_takes_a_window_of_time(encoding):
    payload = random_payload(encoding, 200_000, 5)
    events = open_decoder(encoding, WIDTH, HEIGHT).decode(payload, 7)
    start_ns, end_ns = np.quantile(events.t_ns, [0.3, 0.6], method="nearest").tolist()
    decoder = open_decoder(encoding, WIDTH, HEIGHT)
    image = np.zeros((3, HEIGHT, WIDTH), np.float32)
    added = decoder.decode_into(payload, image, 7, t_start_ns=start_ns, t_end_ns=end_ns)
    expected = bin_events(events, WIDTH, HEIGHT, t_start_ns=start_ns, t_end_ns=end_ns)
    np.testing.assert_array_equal(image, expected)
    assert 0 < added == image.sum() < len(events)
    assert decoder.counters.events == len(events)


def test_the_third_channel_is_left_alone(evt3):
    image = np.ones((3, HEIGHT, WIDTH), np.float32)
    decoder = open_decoder("evt3", WIDTH, HEIGHT)
    decoder.decode_into(
        evt3.packed(evt3.time_high(0), evt3.time_low(0), evt3.addr_x(2, 1), evt3.addr_x(3, 0)),
        image,
    )
    assert (image[0, 0, 2], image[1, 0, 3]) == (2, 2)
    assert image.sum() == image.size + 2


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((3, HEIGHT, WIDTH)),
        np.zeros((3, WIDTH, HEIGHT), np.float32),
        np.zeros((2, HEIGHT, WIDTH), np.float32),
        np.zeros((3, HEIGHT, 2 * WIDTH), np.float32)[:, :, ::2],
        np.broadcast_to(np.float32(0), (3, HEIGHT, WIDTH)),
        None,
    ],
    ids=["float64", "transposed", "two channels", "strided", "read-only", "none"],
)
def test_an_image_that_does_not_fit_is_refused_before_anything_is_decoded(image, evt3):
    decoder = open_decoder("evt3", WIDTH, HEIGHT)
    with pytest.raises(RecordError, match="image"):
        decoder.decode_into(evt3.packed(0x1000), image)
    assert decoder.counters.errors == 0
