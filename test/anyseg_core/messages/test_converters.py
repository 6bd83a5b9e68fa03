"""Every form in which a sensor may come has its converter, for bag messages as for live ones."""

import numpy as np
import pytest

from anyseg_core.errors import RecordError
from anyseg_core.messages import event_fields, image_fields, lidar_fields, record_converters
from anyseg_core.types import (
    MODALITIES,
    DepthRecord,
    EventArray,
    EventFrameRecord,
    EventRecord,
    LidarRecord,
    RgbRecord,
)

STAMP_NS = 2_000_000_005
COLOURS = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)
SWEEP = np.arange(12, dtype=np.float32).reshape(3, 4)
EVENTS = EventRecord(
    STAMP_NS,
    "sensor",
    EventArray(
        np.array([0, 5, 319], np.uint16),
        np.array([1, 2, 239], np.uint16),
        STAMP_NS + np.array([0, 1000, 2_000_000], np.int64),
        np.array([1, 0, 1], np.uint8),
    ),
    320,
    240,
)
RECORDS = [
    ("rgb", "Image", image_fields, RgbRecord(STAMP_NS, "sensor", COLOURS)),
    ("event", "Image", image_fields, EventFrameRecord(STAMP_NS, "sensor", COLOURS)),
    ("depth", "Image", image_fields,
     DepthRecord(STAMP_NS, "sensor", np.arange(24, dtype=np.uint16).reshape(4, 6), 0.001)),
    ("depth", "Image", image_fields,
     DepthRecord(STAMP_NS, "sensor", np.arange(24, dtype=np.float32).reshape(4, 6), 1.0)),
    ("lidar", "PointCloud2", lidar_fields, LidarRecord(STAMP_NS, "sensor", SWEEP)),
    ("lidar", "PointCloud2", lidar_fields,
     LidarRecord(STAMP_NS, "sensor", SWEEP, STAMP_NS + np.array([-5, 0, 10**8]))),
    ("event", "PointCloud2", event_fields, EVENTS),
]  # fmt: skip


def arrays_of(record):
    if isinstance(record, EventRecord):
        events = record.events
        return [events.x, events.y, events.t_ns, events.p]
    names = ("image", "depth", "points", "point_t_ns")
    return [getattr(record, name) for name in names if hasattr(record, name)]


@pytest.fixture(scope="module")
def store():
    typesys = pytest.importorskip("rosbags.typesys", reason="rosbags is not installed")
    return typesys.get_typestore(typesys.Stores.ROS2_HUMBLE)


def bag_message(store, kind, fields):
    """The message as it is read from a bag: written to CDR by rosbags and read again."""
    name = f"sensor_msgs/msg/{kind}"
    time = store.types["builtin_interfaces/msg/Time"](sec=2, nanosec=5)
    header = store.types["std_msgs/msg/Header"](stamp=time, frame_id="sensor")
    if "fields" in fields:
        point_field = store.types["sensor_msgs/msg/PointField"]
        fields = fields | {"fields": [point_field(**field) for field in fields["fields"]]}
    message = store.types[name](header=header, **fields)
    return store.deserialize_cdr(store.serialize_cdr(message, name), name)


@pytest.mark.parametrize(("sensor", "kind", "fields_of", "record"), RECORDS)
def test_a_record_survives_the_way_into_a_bag_and_back(store, sensor, kind, fields_of, record):
    convert = record_converters[f"sensor_msgs/msg/{kind}", sensor](lambda: (320, 240))
    again = convert(bag_message(store, kind, fields_of(record)))
    assert type(again) is type(record)
    assert (again.stamp_ns, again.frame_id) == (record.stamp_ns, record.frame_id)
    for given, got in zip(arrays_of(record), arrays_of(again), strict=True):
        assert (given is None and got is None) or (
            np.array_equal(given, got) and given.dtype == got.dtype
        )


def test_every_modality_has_a_converter_and_every_converter_a_modality():
    assert {sensor for _, sensor in record_converters} == set(MODALITIES)


def test_each_topic_gets_a_packet_decoder_of_its_own():
    factory = record_converters["event_camera_msgs/msg/EventPacket", "event"]
    assert factory(lambda: None).__self__ is not factory(lambda: None).__self__


def test_events_as_points_wait_until_the_sensors_size_is_known(make):
    size = []
    convert = record_converters["sensor_msgs/msg/PointCloud2", "event"](
        lambda: size[0] if size else None
    )
    layout = [("x", "u2", 0), ("y", "u2", 2), ("t", "u4", 4), ("p", "u1", 8)]
    message = make.cloud(layout, {"x": [1], "y": [2], "t": [3], "p": [1]})
    with pytest.raises(RecordError, match=r"event\.width"):
        convert(message)
    size.append((64, 48))
    assert (convert(message).width, convert(message).height) == (64, 48)


@pytest.mark.parametrize("package", ["dvs_msgs", "prophesee_event_msgs"])
def test_lists_of_events_are_read_as_a_bag_holds_them(store, package):
    typesys = pytest.importorskip("rosbags.typesys")
    event = f"{package}/msg/Event"
    texts = {
        event: "uint16 x\nuint16 y\nbuiltin_interfaces/Time ts\nbool polarity\n",
        f"{package}/msg/EventArray":
            f"std_msgs/Header header\nuint32 height\nuint32 width\n{package}/Event[] events\n",
    }  # fmt: skip
    for name, text in texts.items():
        if name not in store.types:
            store.register(typesys.get_types_from_msg(text, name))
    time = store.types["builtin_interfaces/msg/Time"]
    message = store.types[f"{package}/msg/EventArray"](
        header=store.types["std_msgs/msg/Header"](stamp=time(sec=3, nanosec=0), frame_id="dvs"),
        height=48,
        width=64,
        events=[store.types[event](x=1, y=2, ts=time(sec=3, nanosec=4), polarity=True)],
    )
    name = f"{package}/msg/EventArray"
    read = store.deserialize_cdr(store.serialize_cdr(message, name), name)
    record = record_converters[name, "event"](lambda: None)(read)
    assert record.events.t_ns.tolist() == [3_000_000_004]
    assert (record.width, record.height, record.events.p.tolist()) == (64, 48, [1])
