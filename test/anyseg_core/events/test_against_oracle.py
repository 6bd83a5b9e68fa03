"""The compiled decoders against slow, obvious ones, on random packets."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyseg_core.events import ENCODINGS, open_decoder

WIDTH, HEIGHT = 64, 48
COUNTERS = (
    "outside_sensor", "unsynchronised", "time_wraps", "backward_steps", "triggers", "errors",
)  # fmt: skip


def words(kinds, *, any_word):
    """16-bit words, most of them of the kinds that matter and near the sensor."""
    near = st.tuples(st.sampled_from(kinds), st.integers(0, 80), st.booleans())
    built = near.map(lambda word: word[0] << 12 | word[2] << 11 | word[1])
    vector = st.integers(0, 0xFFF).map(lambda bits: 0x5000 | bits)
    choices = [built, built, built, vector]
    if any_word:
        choices.append(st.integers(0, 0xFFFF))
    payload = st.lists(st.one_of(choices), max_size=60)
    return payload.map(lambda payload: struct.pack(f"<{len(payload)}H", *payload))


def records(layout, *fields):
    record = st.tuples(*fields).map(lambda values: struct.pack(layout, *values))
    return st.lists(record, max_size=30).map(b"".join)


near_x, near_y, bit = st.integers(0, 70), st.integers(0, 50), st.integers(0, 1)
EVT3_KINDS = (0x0, 0x2, 0x2, 0x3, 0x4, 0x5, 0x6, 0x8, 0xA, 0xE)
PACKETS = {
    "evt3": st.one_of(words(EVT3_KINDS, any_word=False), words(EVT3_KINDS, any_word=True)),
    "libcaer_cmp": st.one_of(words(range(6), any_word=False), words(range(6), any_word=True)),
    "mono": st.one_of(
        records("<Q", st.integers(0, 2**64 - 1)),
        records("<IHH", st.integers(0, 2**32 - 1), near_x, near_y),
    ),
    "libcaer": st.one_of(
        records("<II", st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
        records(
            "<II",
            st.builds(lambda x, y, p: x << 17 | y << 2 | p << 1, near_x, near_y, bit),
            st.sampled_from([0, 5, 6, 2**30, 2**30 + 6, 2**31 - 1]),
        ),
    ),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_stream_of_random_packets_gives_the_slow_decoders_events(
    encoding, data, open_slow_decoder, as_tuples
):
    fast = open_decoder(encoding, WIDTH, HEIGHT)
    slow = open_slow_decoder(encoding, WIDTH, HEIGHT)
    events = []
    for packet in data.draw(st.lists(PACKETS[encoding], min_size=1, max_size=4)):
        time_base_ns = data.draw(st.integers(0, 2**61))
        events += as_tuples(fast.decode(packet, time_base_ns))
        slow.decode(packet, time_base_ns)
    assert events == slow.events
    assert fast.counters.events == len(slow.events)
    counted = {name: getattr(fast.counters, name) for name in COUNTERS}
    assert counted == {name: getattr(slow, name) for name in COUNTERS}


@settings(max_examples=100, deadline=None)
@given(packet=PACKETS["evt3"], data=st.data())
def test_an_evt3_stream_may_be_cut_between_any_two_words(packet, data, as_tuples):
    cut = 2 * data.draw(st.integers(0, len(packet) // 2))
    whole, parts = open_decoder("evt3", WIDTH, HEIGHT), open_decoder("evt3", WIDTH, HEIGHT)
    events = as_tuples(parts.decode(packet[:cut])) + as_tuples(parts.decode(packet[cut:]))
    assert events == as_tuples(whole.decode(packet))
    assert parts.counters == whole.counters
