"""The recorded EVT3 bag: 1280 x 720, 105 packets, two external triggers.

The sums of times and addresses are those that event_camera_codecs publishes for this recording.
"""

from __future__ import annotations

import numpy as np

from anyseg_core.events import open_decoder
from anyseg_core.projection.events import bin_events

EVENTS, POSITIVE = 82_469, 41_439
FIRST = (354, 604, 14_224_870_000, 1)
LAST = (15, 157, 15_476_187_000, 0)
TRIGGER_TIMES_NS = [14_547_491_000, 14_549_491_000]
SUM_T_NS, SUM_X, SUM_Y = 1_222_326_831_810_000, 42_078_718, 31_656_267


def test_the_recording_decodes_to_its_known_totals(recorded_packets, as_tuples):
    first = recorded_packets[0]
    decoder = open_decoder(first.encoding, first.width, first.height)
    packets = [decoder.decode(packet.events, seq=packet.seq) for packet in recorded_packets]
    x, y, t_ns, p = (
        np.concatenate([getattr(events, name) for events in packets])
        for name in ("x", "y", "t_ns", "p")
    )
    assert len(recorded_packets) == 105
    assert decoder.counters.events == len(x) == EVENTS
    assert (int(t_ns.sum()), int(x.sum(dtype=int)), int(y.sum(dtype=int))) == (
        SUM_T_NS,
        SUM_X,
        SUM_Y,
    )
    assert int(p.sum(dtype=int)) == POSITIVE
    assert as_tuples(packets[0])[0] == FIRST
    assert as_tuples(packets[-1])[-1] == LAST
    assert (np.diff(t_ns) >= 0).all()
    assert decoder.counters.triggers == len(TRIGGER_TIMES_NS)
    nothing = ("outside_sensor", "unsynchronised", "time_wraps", "backward_steps", "errors")
    nothing += ("truncated_bytes", "lost_packets", "restarts")
    assert [getattr(decoder.counters, name) for name in nothing] == [0] * len(nothing)


def test_the_recording_decodes_as_the_slow_decoder_does(
    recorded_packets, open_slow_decoder, as_tuples
):
    fast, slow = open_decoder("evt3", 1280, 720), open_slow_decoder("evt3", 1280, 720)
    events = []
    for packet in recorded_packets:
        events += as_tuples(fast.decode(packet.events))
        slow.decode(packet.events.tobytes())
    assert events == slow.events
    assert slow.trigger_times == TRIGGER_TIMES_NS


def test_the_image_of_the_recording_holds_every_event(recorded_packets):
    decoder, one_pass = open_decoder("evt3", 1280, 720), open_decoder("evt3", 1280, 720)
    image, together = np.zeros((2, 3, 720, 1280), np.float32)
    for packet in recorded_packets:
        image += bin_events(decoder.decode(packet.events), 1280, 720)
        one_pass.decode_into(packet.events, together)
    assert image.sum(axis=(1, 2)).tolist() == [POSITIVE, EVENTS - POSITIVE, 0]
    np.testing.assert_array_equal(together, image)


def test_a_lost_packet_of_the_recording_costs_few_events_and_moves_none(
    recorded_packets, as_tuples
):
    whole, lossy = open_decoder("evt3", 1280, 720), open_decoder("evt3", 1280, 720)
    full = [as_tuples(whole.decode(packet.events)) for packet in recorded_packets]
    lost = 40
    for number, packet in enumerate(recorded_packets):
        if number != lost:
            events = as_tuples(lossy.decode(packet.events, seq=packet.seq))
            assert events == full[number][len(full[number]) - len(events) :]
    dropped = EVENTS - len(full[lost]) - lossy.counters.events
    assert dropped == lossy.counters.unsynchronised < 20
    assert lossy.counters.lost_packets == 1
