from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.messages import EventPacketConverter

BAG = Path(__file__).parents[3].parent / "shared" / "real" / "event_bag_evt3"
DEFINITION = (
    "std_msgs/Header header\nuint32 height\nuint32 width\nuint64 seq\nuint64 time_base\n"
    "string encoding\nbool is_bigendian\nuint8[] events\n"
)


@pytest.fixture
def mono_packet(make):
    """A packet by the format's definition: 64-bit words of dt, x, y and polarity."""

    def packet(*, events=((3, 4, 1, 20),), wrap=bytes, **changes):
        words = [dt | x << 32 | y << 48 | p << 63 for x, y, p, dt in events]
        fields = {
            "header": make.header("event", sec=100, nanosec=0), "width": 64, "height": 48,
            "seq": 1, "encoding": "mono", "time_base": 5_000_000_000, "is_bigendian": False,
            "events": wrap(np.array(words, "<u8").tobytes()),
        }  # fmt: skip
        return SimpleNamespace(**(fields | changes))

    return packet


def test_events_that_carry_the_hosts_time_keep_it(mono_packet, wrap):
    message = mono_packet(events=((3, 4, 1, 20), (5, 6, 0, 70)), wrap=wrap)
    record = EventPacketConverter().record(message)
    assert record.events.x.tolist() == [3, 5]
    assert record.events.t_ns.tolist() == [5_000_000_020, 5_000_000_070]
    assert (record.stamp_ns, record.frame_id) == (100_000_000_000, "event")
    assert (record.width, record.height) == (64, 48)


def test_an_unknown_encoding_is_refused_by_name(mono_packet):
    with pytest.raises(ConfigurationError, match="smoke"):
        EventPacketConverter().record(mono_packet(encoding="smoke"))


def test_a_stamp_of_zero_is_refused(make, mono_packet):
    with pytest.raises(RecordError, match="stamp"):
        EventPacketConverter().record(mono_packet(header=make.header(sec=0, nanosec=0)))


def test_big_endian_words_are_refused_not_misread(mono_packet):
    with pytest.raises(RecordError, match="big-endian"):
        EventPacketConverter().record(mono_packet(is_bigendian=True))


def test_a_camera_that_changes_its_format_gets_a_new_decoder(mono_packet):
    converter = EventPacketConverter()
    converter.record(mono_packet())
    changed = mono_packet(events=((60, 4, 1, 20),), width=32)
    assert not len(converter.record(changed).events)


@pytest.mark.skipif(not BAG.is_dir(), reason="the recorded EVT3 bag is not beside the tree")
def test_the_recorded_sensor_time_becomes_the_hosts():
    rosbag2 = pytest.importorskip("rosbags.rosbag2", reason="rosbags is not installed")
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore  # noqa: PLC0415

    store = get_typestore(Stores.ROS2_HUMBLE)
    store.register(get_types_from_msg(DEFINITION, "event_camera_msgs/msg/EventPacket"))
    converter, total, offsets = EventPacketConverter(), 0, []
    with rosbag2.Reader(BAG) as reader:
        for connection, _, data in reader.messages():
            record = converter.record(store.deserialize_cdr(data, connection.msgtype))
            total += len(record.events)
            if len(record.events):
                offsets.append(int(record.events.t_ns[0]) - record.stamp_ns)
    assert total == 82_469
    assert np.abs(offsets).max() < 20_000_000
