"""EVT3, word by word, in payloads written by hand."""

from __future__ import annotations

import pytest

from anyseg_core.events import open_decoder


@pytest.fixture
def decoder():
    return open_decoder("evt3", 64, 48)


@pytest.fixture
def start(evt3):
    """Words after which events can be placed: 1 * 4096 + 2 µs, row 5."""
    return [evt3.time_high(1), evt3.time_low(2), evt3.addr_y(5)]


T_NS = 4098 * 1000


def test_addr_x_emits_one_event_on_the_current_row(decoder, evt3, start, as_tuples):
    words = [*start, evt3.addr_x(7, 1), evt3.addr_x(8, 0)]
    assert as_tuples(decoder.decode(evt3.packed(*words))) == [(7, 5, T_NS, 1), (8, 5, T_NS, 0)]
    assert decoder.counters.events == 2


def test_the_arrays_have_the_types_of_event_array(decoder, evt3, start):
    events = decoder.decode(evt3.packed(*start, evt3.addr_x(7, 1)))
    types = [array.dtype.name for array in (events.x, events.y, events.t_ns, events.p)]
    assert types == ["uint16", "uint16", "int64", "uint8"]


def test_the_upper_bit_of_addr_y_is_no_part_of_the_row(decoder, evt3, start, as_tuples):
    words = [*start, evt3.addr_y(6) | 0x800, evt3.addr_x(7, 1)]
    assert as_tuples(decoder.decode(evt3.packed(*words))) == [(7, 6, T_NS, 1)]


def test_vect_12_emits_its_bits_from_the_base_and_moves_the_base(decoder, evt3, start, as_tuples):
    words = [*start, evt3.base_x(10, 1), evt3.vect_12(0b1000_0000_0101), evt3.vect_12(1)]
    events = as_tuples(decoder.decode(evt3.packed(*words)))
    assert [event[0] for event in events] == [10, 12, 21, 22]
    assert {event[1:] for event in events} == {(5, T_NS, 1)}


def test_vect_8_emits_eight_bits_and_moves_the_base_by_eight(decoder, evt3, start, as_tuples):
    words = [*start, evt3.base_x(10, 0), evt3.vect_8(0b1000_0001) | 0xF00, evt3.vect_8(1)]
    events = as_tuples(decoder.decode(evt3.packed(*words)))
    assert events == [(10, 5, T_NS, 0), (17, 5, T_NS, 0), (18, 5, T_NS, 0)]


def test_addr_x_does_not_change_the_polarity_of_vectors(decoder, evt3, start, as_tuples):
    words = [*start, evt3.base_x(10, 1), evt3.addr_x(3, 0), evt3.vect_8(1)]
    assert as_tuples(decoder.decode(evt3.packed(*words)))[-1] == (10, 5, T_NS, 1)


def test_triggers_and_vendor_words_are_no_events(decoder, evt3, start):
    words = [*start, evt3.trigger(1), evt3.trigger(0), 0x7123, 0xE014, 0xF456]
    assert len(decoder.decode(evt3.packed(*words))) == 0
    assert decoder.counters.triggers == 2
    assert decoder.counters.errors == 0


def test_nothing_is_emitted_before_a_time_high_and_then_a_time_low(decoder, evt3, as_tuples):
    event = evt3.addr_x(7, 1)
    row = evt3.addr_y(5)
    early = [row, event, evt3.time_low(9), event, evt3.trigger(1), evt3.time_high(1), event]
    assert len(decoder.decode(evt3.packed(*early))) == 0
    assert decoder.counters.unsynchronised == 3
    assert decoder.counters.triggers == 0
    late = evt3.packed(evt3.time_low(2), event)
    assert as_tuples(decoder.decode(late)) == [(7, 5, T_NS, 1)]


def test_a_time_high_alone_shifts_the_time_with_the_old_lower_bits(decoder, evt3, start, as_tuples):
    words = [*start, evt3.time_high(2), evt3.addr_x(7, 1)]
    assert as_tuples(decoder.decode(evt3.packed(*words))) == [(7, 5, 8194 * 1000, 1)]


def test_time_goes_on_where_24_bits_of_microseconds_wrap(decoder, evt3, as_tuples):
    event = evt3.addr_x(7, 1)
    words = [evt3.time_high(4095), evt3.time_low(4095), event]
    words += [evt3.time_high(0), evt3.time_low(0), event]
    events = as_tuples(decoder.decode(evt3.packed(*words)))
    assert [event[2] for event in events] == [(2**24 - 1) * 1000, 2**24 * 1000]
    assert decoder.counters.time_wraps == 1
    assert decoder.counters.backward_steps == 0


@pytest.mark.parametrize(("fall", "wraps"), [(1, 0), (10, 0), (11, 1)])
def test_a_fall_of_time_high_by_more_than_ten_is_a_wrap(decoder, evt3, as_tuples, fall, wraps):
    event = evt3.addr_x(7, 1)
    words = [evt3.time_high(100), evt3.time_low(0), event, evt3.time_high(100 - fall), event]
    events = as_tuples(decoder.decode(evt3.packed(*words)))
    step_us = wraps * 2**24 - fall * 4096
    assert events[1][2] - events[0][2] == step_us * 1000
    assert decoder.counters.time_wraps == wraps
    assert decoder.counters.backward_steps == 1 - wraps


def test_events_outside_the_sensor_are_dropped_and_counted(decoder, evt3, start, as_tuples):
    words = [*start, evt3.addr_x(63, 1), evt3.addr_x(64, 1), evt3.base_x(58, 1)]
    words += [evt3.vect_12(0xFFF), evt3.addr_y(48), evt3.addr_x(0, 1), evt3.vect_8(0xFF)]
    events = as_tuples(decoder.decode(evt3.packed(*words)))
    assert [event[0] for event in events] == [63, 58, 59, 60, 61, 62, 63]
    assert decoder.counters.outside_sensor == 1 + 6 + 1 + 8


def test_a_base_that_runs_off_the_sensor_never_comes_back_in_from_the_left(decoder, evt3, start):
    vectors = [evt3.vect_12(0xFFF)] * 6000
    events = decoder.decode(evt3.packed(*start, evt3.base_x(64, 1), *vectors))
    assert len(events) == 0
    assert decoder.counters.outside_sensor == 6000 * 12


def test_row_base_polarity_and_time_last_from_packet_to_packet(decoder, evt3, start, as_tuples):
    decoder.decode(evt3.packed(*start, evt3.base_x(10, 1)))
    assert as_tuples(decoder.decode(evt3.packed(evt3.vect_8(1)))) == [(10, 5, T_NS, 1)]
    assert as_tuples(decoder.decode(evt3.packed(evt3.vect_8(1)))) == [(18, 5, T_NS, 1)]
    assert as_tuples(decoder.decode(evt3.packed(evt3.addr_x(1, 0)))) == [(1, 5, T_NS, 0)]


def test_the_time_base_is_not_looked_at(decoder, evt3, start, as_tuples):
    data = evt3.packed(*start, evt3.addr_x(7, 1))
    assert as_tuples(decoder.decode(data, time_base_ns=2**64 - 1)) == [(7, 5, T_NS, 1)]


@pytest.mark.parametrize("kind", [0x1, 0x9, 0xB, 0xC, 0xD])
def test_after_an_impossible_word_events_wait_for_time_and_row(
    decoder, evt3, start, as_tuples, kind
):
    event = evt3.addr_x(7, 1)
    words = [*start, evt3.base_x(3, 1), kind << 12, event, evt3.time_low(3), evt3.addr_y(6), event]
    assert len(decoder.decode(evt3.packed(*words))) == 0
    assert decoder.counters.errors == 1
    assert decoder.counters.unsynchronised == 2
    words = [evt3.time_high(2), evt3.time_low(0), event, evt3.vect_8(1), evt3.base_x(9, 0)]
    events = as_tuples(decoder.decode(evt3.packed(*words, evt3.vect_8(1))))
    assert events == [(7, 6, 8192 * 1000, 1), (9, 6, 8192 * 1000, 0)]


def test_reset_forgets_the_stream_and_the_counters(decoder, evt3, start):
    fresh = decoder.counters
    decoder.decode(evt3.packed(*start, evt3.addr_x(7, 1), 0x1000) + b"\x01", seq=4)
    decoder.reset()
    assert decoder.counters == fresh
    assert len(decoder.decode(evt3.packed(evt3.addr_x(7, 1)), seq=9)) == 0
    assert decoder.counters.lost_packets == 0
