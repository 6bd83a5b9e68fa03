"""EventPacket messages, as the recorded bag holds them; their package is not needed for that."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from builtin_interfaces.msg import Time

from anyseg_core.errors import ConfigurationError, MissingDependencyError, RecordError
from anyseg_ros.conversions.event_packets import EventPacketConverter, event_packet_type

BAG = Path(__file__).parents[3].parent / "shared" / "real" / "event_bag_evt3"


def mono_packet(*, sec=100, encoding="mono", time_base_ns=5_000_000_000, events=((3, 4, 1, 20),)):
    """A packet by the format's definition: 64-bit words of dt, x, y and polarity."""
    words = [dt | x << 32 | y << 48 | p << 63 for x, y, p, dt in events]
    return SimpleNamespace(
        header=SimpleNamespace(stamp=Time(sec=sec), frame_id="event"),
        width=64,
        height=48,
        seq=1,
        encoding=encoding,
        time_base=time_base_ns,
        events=np.array(words, "<u8").tobytes(),
    )


def test_events_that_carry_ros_time_keep_it():
    record = EventPacketConverter().record(mono_packet(events=((3, 4, 1, 20), (5, 6, 0, 70))))
    assert record.events.x.tolist() == [3, 5]
    assert record.events.t_ns.tolist() == [5_000_000_020, 5_000_000_070]
    assert (record.stamp_ns, record.frame_id) == (100_000_000_000, "event")
    assert (record.width, record.height) == (64, 48)


def test_an_unknown_encoding_is_refused_by_name():
    with pytest.raises(ConfigurationError, match="smoke"):
        EventPacketConverter().record(mono_packet(encoding="smoke"))


def test_a_stamp_of_zero_is_refused():
    with pytest.raises(RecordError, match="stamp"):
        EventPacketConverter().record(mono_packet(sec=0))


def test_a_camera_that_changes_its_format_gets_a_new_decoder():
    converter = EventPacketConverter()
    converter.record(mono_packet())
    changed = mono_packet(events=((60, 4, 1, 20),))
    changed.width = 32
    assert not len(converter.record(changed).events)


def test_the_missing_message_package_is_named():
    pytest.importorskip("sensor_msgs")
    try:
        import event_camera_msgs  # noqa: F401, PLC0415 - whether it is there is the question
    except ImportError:
        with pytest.raises(MissingDependencyError, match="event_camera_msgs"):
            event_packet_type()


@pytest.mark.skipif(not BAG.is_dir(), reason="the recorded EVT3 bag is not beside the tree")
def test_the_recorded_sensor_time_becomes_ros_time():
    rosbag2 = pytest.importorskip("rosbags.rosbag2", reason="rosbags is not installed")
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore  # noqa: PLC0415

    store = get_typestore(Stores.ROS2_HUMBLE)
    definition = (
        "std_msgs/Header header\nuint32 height\nuint32 width\nuint64 seq\nuint64 time_base\n"
        "string encoding\nbool is_bigendian\nuint8[] events\n"
    )
    store.register(get_types_from_msg(definition, "event_camera_msgs/msg/EventPacket"))
    converter, total, offsets = EventPacketConverter(), 0, []
    with rosbag2.Reader(BAG) as reader:
        for connection, _, data in reader.messages():
            message = store.deserialize_cdr(data, connection.msgtype)
            record = converter.record(message)
            total += len(record.events)
            if len(record.events):
                offsets.append(int(record.events.t_ns[0]) - record.stamp_ns)
    assert total == 82_469
    assert np.abs(offsets).max() < 20_000_000
