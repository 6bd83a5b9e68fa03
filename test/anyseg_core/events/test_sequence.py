"""Lost packets, restarts and payloads cut short."""

from __future__ import annotations

import pytest

from anyseg_core.events import open_decoder


@pytest.fixture
def decoder():
    return open_decoder("evt3", 64, 48)


@pytest.fixture
def first(evt3):
    """A packet that sets time, row 5 and base 10, and holds one event."""
    return evt3.packed(
        evt3.time_high(1), evt3.time_low(2), evt3.addr_y(5), evt3.base_x(10, 1), evt3.addr_x(1, 1)
    )


def test_consecutive_numbers_lose_nothing(decoder, evt3, first):
    for seq in (7, 8, 9):
        assert len(decoder.decode(first, seq=seq)) == 1
    assert len(decoder.decode(evt3.packed(evt3.addr_x(1, 1)), seq=10)) == 1
    assert decoder.counters.lost_packets == 0


def test_lost_packets_are_counted(decoder, first):
    for seq in (7, 10, 11, 13):
        decoder.decode(first, seq=seq)
    assert decoder.counters.lost_packets == 3


def test_after_a_loss_nothing_is_placed_before_time_and_row_are_known_again(
    decoder, evt3, first, as_tuples
):
    decoder.decode(first, seq=1)
    event, vector = evt3.addr_x(2, 0), evt3.vect_8(1)
    lost = [event, vector, evt3.time_low(9), event, evt3.time_high(3), evt3.time_low(4), event]
    assert len(decoder.decode(evt3.packed(*lost), seq=3)) == 0
    found = [evt3.addr_y(6), event, vector, evt3.base_x(20, 1), vector]
    events = as_tuples(decoder.decode(evt3.packed(*found), seq=4))
    t_ns = (3 * 4096 + 4) * 1000
    assert events == [(2, 6, t_ns, 0), (20, 6, t_ns, 1)]
    assert decoder.counters.unsynchronised == 5


def test_the_wrapped_time_goes_on_after_a_loss(decoder, evt3, as_tuples):
    event = evt3.addr_x(1, 1)
    decoder.decode(evt3.packed(evt3.time_high(4000), evt3.time_low(0), event), seq=1)
    words = [evt3.time_high(3), evt3.time_low(0), evt3.addr_y(0), event]
    events = as_tuples(decoder.decode(evt3.packed(*words), seq=5))
    assert events[0][2] == (2**24 + 3 * 4096) * 1000


@pytest.mark.parametrize("seq", [1, 4, 5])
def test_a_number_that_does_not_advance_begins_a_new_stream(decoder, evt3, as_tuples, seq):
    event = evt3.addr_x(1, 1)
    packet = evt3.packed(evt3.time_high(4000), evt3.time_low(0), evt3.addr_y(0), event)
    decoder.decode(packet, seq=5)
    words = [event, evt3.time_high(3), evt3.time_low(0), event, evt3.addr_y(2), event]
    events = as_tuples(decoder.decode(evt3.packed(*words), seq=seq))
    assert events == [(1, 2, 3 * 4096 * 1000, 1)]
    assert decoder.counters.restarts == 1
    assert decoder.counters.lost_packets == 0
    assert decoder.counters.backward_steps == 0


def test_packets_without_a_number_are_taken_as_they_come(decoder, evt3, first):
    decoder.decode(first, seq=1)
    assert len(decoder.decode(evt3.packed(evt3.addr_x(1, 1)))) == 1
    assert decoder.counters.lost_packets == 0


def test_an_odd_byte_at_the_end_is_counted_and_what_follows_waits_for_its_words(
    decoder, evt3, first
):
    assert len(decoder.decode(first + b"\x05")) == 1
    assert decoder.counters.truncated_bytes == 1
    assert len(decoder.decode(evt3.packed(evt3.addr_x(1, 1)))) == 0
    assert len(decoder.decode(first)) == 1
