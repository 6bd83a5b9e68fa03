"""libcaer_cmp, word by word, in payloads written by hand."""

from __future__ import annotations

import pytest

from anyseg_core.events import open_decoder

BASE_NS = 1_700_000_000_000_000_000


@pytest.fixture
def decoder():
    return open_decoder("libcaer_cmp", 64, 48)


def test_addr_y_emits_one_event_in_the_current_column(decoder, libcaer_cmp, as_tuples):
    words = [libcaer_cmp.addr_x(7), libcaer_cmp.addr_y(5, 1), libcaer_cmp.addr_y(6, 0)]
    events = as_tuples(decoder.decode(libcaer_cmp.packed(*words), time_base_ns=BASE_NS))
    assert events == [(7, 5, BASE_NS, 1), (7, 6, BASE_NS, 0)]


def test_vect_8_emits_its_bits_down_the_column_and_moves_the_base(decoder, libcaer_cmp, as_tuples):
    words = [libcaer_cmp.addr_x(7), libcaer_cmp.base_y(8, 1), libcaer_cmp.vect_8(0b1000_0001)]
    words.append(libcaer_cmp.vect_8(1))
    events = as_tuples(decoder.decode(libcaer_cmp.packed(*words)))
    assert events == [(7, 8, 0, 1), (7, 15, 0, 1), (7, 16, 0, 1)]


def test_both_time_words_count_microseconds_from_the_time_base(decoder, libcaer_cmp, as_tuples):
    event = libcaer_cmp.addr_y(5, 1)
    words = [libcaer_cmp.addr_x(7), libcaer_cmp.time_low(9), event, libcaer_cmp.time_high(2), event]
    events = as_tuples(decoder.decode(libcaer_cmp.packed(*words), time_base_ns=BASE_NS))
    assert [event[2] - BASE_NS for event in events] == [9_000, (2 * 4096 + 9) * 1000]


def test_time_restarts_at_each_packets_time_base(decoder, libcaer_cmp, as_tuples):
    event = libcaer_cmp.addr_y(5, 1)
    words = [libcaer_cmp.addr_x(7), libcaer_cmp.time_high(1), libcaer_cmp.time_low(9), event]
    decoder.decode(libcaer_cmp.packed(*words), time_base_ns=BASE_NS)
    events = as_tuples(decoder.decode(libcaer_cmp.packed(event), time_base_ns=BASE_NS + 50))
    assert events == [(7, 5, BASE_NS + 50, 1)]


def test_events_outside_the_sensor_are_dropped_and_counted(decoder, libcaer_cmp, as_tuples):
    words = [libcaer_cmp.addr_x(63), libcaer_cmp.addr_y(48, 1), libcaer_cmp.base_y(46, 1)]
    words += [libcaer_cmp.vect_8(0xFF), libcaer_cmp.addr_x(64), libcaer_cmp.addr_y(1, 1)]
    events = as_tuples(decoder.decode(libcaer_cmp.packed(*words)))
    assert [event[:2] for event in events] == [(63, 46), (63, 47)]
    assert decoder.counters.outside_sensor == 1 + 6 + 1


@pytest.mark.parametrize("kind", range(6, 16))
def test_an_impossible_word_spoils_the_rest_of_its_packet(decoder, libcaer_cmp, as_tuples, kind):
    event = libcaer_cmp.addr_y(5, 1)
    column = libcaer_cmp.addr_x(7)
    words = [column, event, kind << 12, event, column, event]
    assert as_tuples(decoder.decode(libcaer_cmp.packed(*words))) == [(7, 5, 0, 1)]
    assert decoder.counters.errors == 1
    assert decoder.counters.unsynchronised == 2
    assert as_tuples(decoder.decode(libcaer_cmp.packed(column, event))) == [(7, 5, 0, 1)]


def test_after_a_loss_events_wait_for_a_column_and_vectors_for_a_base(
    decoder, libcaer_cmp, as_tuples
):
    vector, event = libcaer_cmp.vect_8(1), libcaer_cmp.addr_y(5, 1)
    decoder.decode(libcaer_cmp.packed(libcaer_cmp.addr_x(7), libcaer_cmp.base_y(8, 1)), seq=1)
    words = [event, vector, libcaer_cmp.addr_x(9), event, vector, libcaer_cmp.base_y(3, 0), vector]
    events = as_tuples(decoder.decode(libcaer_cmp.packed(*words), seq=3))
    assert events == [(9, 5, 0, 1), (9, 3, 0, 0)]
    assert decoder.counters.lost_packets == 1
    assert decoder.counters.unsynchronised == 3
