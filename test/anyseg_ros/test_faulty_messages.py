"""Faults in the form in which a driver sends: compressed images and event packets."""

import array
from types import SimpleNamespace

import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image

from anyseg_core.messages import EventPacketConverter, rgb_record
from anyseg_core.simulation import Fault, FaultInjector
from anyseg_core.simulation.faults import KINDS
from anyseg_core.types import EventArray, EventRecord, RgbRecord
from anyseg_ros.conversions.stamps import header_of
from anyseg_ros.faulty_messages import (
    OF_THE_PACKET,
    compressed_message,
    encode_mono,
    faulty_message,
    packet_record,
)

WIDTH, HEIGHT = 40, 30
START_NS = 5_000_000_000
EVENT_FAULTS = [kind for kind, sensors in KINDS.items() if "event" in sensors]


def events(count=200, seed=0):
    rng = np.random.default_rng(seed)
    return EventArray(
        rng.integers(0, WIDTH, count, dtype=np.uint16),
        rng.integers(0, HEIGHT, count, dtype=np.uint16),
        START_NS + np.sort(rng.integers(0, 10_000_000, count)),
        rng.integers(0, 2, count, dtype=np.uint8),
    )


def packet(seq=0, stamp_ns=START_NS):
    """A packet as event_camera_msgs has it, of encoding mono."""
    record = EventRecord(stamp_ns, "event_camera", events(seed=seq), WIDTH, HEIGHT)
    return SimpleNamespace(
        header=header_of(stamp_ns, "event_camera"), width=WIDTH, height=HEIGHT, seq=seq,
        time_base=START_NS, encoding="mono", is_bigendian=False,
        events=array.array("B", encode_mono(record, START_NS)),
    )  # fmt: skip


def faulty(records, message, kind):
    return [faulty_message(record, message, [(kind, 1.0)]) for record in records]


def run(kind, count=40):
    """Send packets through one fault; return those that came out, and those sent."""
    injector = FaultInjector([Fault("event", kind, 0)], seed=1)
    convert, sent, out = EventPacketConverter().record, [], []
    for seq in range(count):
        stamp_ns, t_ns = START_NS + seq * 10_000_000, seq * 10_000_000
        sent.append(packet(seq, stamp_ns))
        record = packet_record(sent[-1], convert(sent[-1]))
        out += faulty(injector.apply("event", record, t_ns), sent[-1], kind)
    out += faulty(injector.release("event", 10**12), sent[-1], kind)
    return out, sent


def test_mono_is_what_the_decoder_reads():
    read = EventPacketConverter().record(packet()).events
    made = events()
    for name in ("x", "y", "t_ns", "p"):
        assert np.array_equal(getattr(read, name), getattr(made, name))


def test_lost_packets_leave_a_gap_in_the_sequence_and_whole_packets():
    out, sent = run("packet_loss")
    numbers = [message.seq for message in out]
    assert 5 < len(numbers) < 30
    assert set(np.diff(numbers)) != {1}
    for message in out:
        assert message == sent[message.seq]


def test_a_truncated_payload_is_a_cut_of_the_very_bytes():
    out, sent = run("truncated_payload", 3)
    for message, whole in zip(out, sent, strict=True):
        assert 0 < len(message.events) < 0.05 * len(whole.events)
        assert bytes(whole.events).startswith(bytes(message.events))
        assert message.encoding == whole.encoding
    assert len(sent[0].events) == 200 * 8


def test_timing_faults_move_or_keep_packets_and_never_their_bytes():
    assert run("dropout")[0] == []
    delayed, sent = run("delay")
    assert delayed == sent
    jumped, sent = run("stamp_jump", 2)
    assert jumped[0].header.stamp.sec > sent[0].header.stamp.sec
    assert jumped[0].events == sent[0].events
    frozen, sent = run("freeze", 3)
    assert [m.events for m in frozen] == [sent[0].events] * 3
    assert frozen[2].header.stamp == sent[2].header.stamp


@pytest.mark.parametrize("kind", EVENT_FAULTS)
def test_every_fault_of_the_event_camera_gives_packets_that_can_be_read(kind):
    out, _ = run(kind, 12)
    convert = EventPacketConverter().record
    if kind == "truncated_payload":
        return  # a cut packet is one that need not be readable
    records = [convert(message) for message in out]
    assert (records == []) == (kind == "dropout")
    if kind not in OF_THE_PACKET:
        assert len(records) == 12
        assert any(len(record.events) != 200 for record in records)


@pytest.mark.parametrize("image_format", ["jpeg", "rgb8; jpeg compressed bgr8", "png"])
def test_a_changed_picture_goes_out_compressed_as_it_came(image_format):
    gradient = np.linspace(0, 250, WIDTH, dtype=np.uint8)
    image = np.stack([np.tile(gradient, (HEIGHT, 1)), np.full((HEIGHT, WIDTH), 40, np.uint8),
                      np.full((HEIGHT, WIDTH), 200, np.uint8)], axis=2)  # fmt: skip
    came = CompressedImage(format=image_format)
    message = faulty_message(RgbRecord(START_NS, "camera", image), came, [("fog", 1.0)])
    assert isinstance(message, CompressedImage)
    assert message.format == image_format
    assert message.header == header_of(START_NS, "camera")
    read = rgb_record(message).image
    assert np.abs(read.astype(int) - image).max() <= (0 if image_format == "png" else 12)
    assert bytes(message.data[:4])[1:4] == (b"PNG" if image_format == "png" else b"\xd8\xff\xe0")


def test_a_raw_picture_stays_raw():
    record = RgbRecord(START_NS, "camera", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    assert isinstance(faulty_message(record, Image(), []), Image)
    assert compressed_message(record, "png").format == "png"
