"""mono and libcaer: encodings in which each event stands on its own."""

from __future__ import annotations

import struct

import pytest

from anyseg_core.events import open_decoder

BASE_NS = 1_700_000_000_000_000_000


def mono(dt_ns, x, y, p):
    return struct.pack("<Q", dt_ns | x << 32 | y << 48 | p << 63)


def libcaer(t_us, x, y, p, *, valid=1):
    return struct.pack("<Ii", valid | p << 1 | y << 2 | x << 17, t_us)


def test_a_mono_record_holds_dt_x_y_and_polarity(as_tuples):
    data = bytes.fromhex("2a00000005008780")  # little-endian: dt 42, x 5, y 135, positive
    events = open_decoder("mono", 640, 480).decode(data, time_base_ns=BASE_NS)
    assert as_tuples(events) == [(5, 135, BASE_NS + 42, 1)]


def test_mono_fields_fill_their_bits(as_tuples):
    decoder = open_decoder("mono", 65535, 65535)
    data = mono(2**32 - 1, 65534, 32767, 0)
    assert as_tuples(decoder.decode(data)) == [(65534, 32767, 2**32 - 1, 0)]


def test_a_libcaer_record_holds_polarity_y_x_and_microseconds(as_tuples):
    # y 3 << 2, x 9 << 17, polarity << 1, valid: 0x0012000f; 0x01020304 µs
    data = bytes.fromhex("0f00120004030201")
    events = open_decoder("libcaer", 640, 480).decode(data, time_base_ns=BASE_NS)
    assert as_tuples(events) == [(9, 3, BASE_NS + 0x01020304 * 1000, 1)]


def test_libcaer_fields_fill_their_bits(as_tuples):
    decoder = open_decoder("libcaer", 65535, 65535)
    data = libcaer(2**31 - 1, 32767, 32766, 0, valid=0)
    assert as_tuples(decoder.decode(data)) == [(32767, 32766, (2**31 - 1) * 1000, 0)]


def test_libcaer_time_goes_on_where_31_bits_wrap_within_a_packet(as_tuples):
    decoder = open_decoder("libcaer", 640, 480)
    data = libcaer(2**31 - 1, 1, 1, 1) + libcaer(0, 1, 1, 1)
    times = [event[2] for event in as_tuples(decoder.decode(data, time_base_ns=BASE_NS))]
    assert times == [BASE_NS + (2**31 - 1) * 1000, BASE_NS + 2**31 * 1000]
    assert decoder.counters.time_wraps == 1
    times = [event[2] for event in as_tuples(decoder.decode(libcaer(5, 1, 1, 1)))]
    assert times == [5000]


def test_a_small_step_back_of_libcaer_time_is_no_wrap(as_tuples):
    decoder = open_decoder("libcaer", 640, 480)
    data = libcaer(1000, 1, 1, 1) + libcaer(999, 1, 1, 1)
    assert [event[2] for event in as_tuples(decoder.decode(data))] == [1_000_000, 999_000]
    assert decoder.counters.backward_steps == 1
    assert decoder.counters.time_wraps == 0


def test_a_negative_libcaer_time_is_an_error(as_tuples):
    decoder = open_decoder("libcaer", 640, 480)
    data = libcaer(-1, 1, 1, 1) + libcaer(7, 2, 3, 0)
    assert as_tuples(decoder.decode(data)) == [(2, 3, 7000, 0)]
    assert decoder.counters.errors == 1


@pytest.mark.parametrize(("encoding", "record"), [("mono", mono), ("libcaer", libcaer)])
def test_records_outside_the_sensor_are_dropped_and_counted(encoding, record, as_tuples):
    decoder = open_decoder(encoding, 64, 48)
    data = record(1, 64, 0, 1) + record(1, 0, 48, 1) + record(1, 63, 47, 1)
    assert [event[:2] for event in as_tuples(decoder.decode(data))] == [(63, 47)]
    assert decoder.counters.outside_sensor == 2


@pytest.mark.parametrize(("encoding", "record"), [("mono", mono), ("libcaer", libcaer)])
def test_steps_back_are_counted_across_packets(encoding, record):
    decoder = open_decoder(encoding, 64, 48)
    decoder.decode(record(100, 1, 1, 1))
    decoder.decode(record(99, 1, 1, 1))
    decoder.decode(record(99, 1, 1, 1))
    assert decoder.counters.backward_steps == 1


@pytest.mark.parametrize(("encoding", "record"), [("mono", mono), ("libcaer", libcaer)])
def test_nothing_is_dropped_after_lost_packets(encoding, record):
    decoder = open_decoder(encoding, 64, 48)
    decoder.decode(record(1, 1, 1, 1), seq=1)
    assert len(decoder.decode(record(1, 1, 1, 1), seq=7)) == 1
    assert decoder.counters.lost_packets == 5


@pytest.mark.parametrize(("encoding", "record"), [("mono", mono), ("libcaer", libcaer)])
def test_a_broken_record_at_the_end_is_counted_and_left_out(encoding, record):
    decoder = open_decoder(encoding, 64, 48)
    data = record(1, 1, 1, 1)
    assert len(decoder.decode(data + data[:5])) == 1
    assert decoder.counters.truncated_bytes == 5
