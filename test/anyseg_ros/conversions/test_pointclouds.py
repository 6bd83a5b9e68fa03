import array

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from anyseg_core.errors import RecordError
from anyseg_core.types import EventArray, EventRecord, LidarRecord
from anyseg_ros.conversions.pointclouds import (
    event_record,
    events_message,
    labelled_points_message,
    lidar_message,
    lidar_record,
)

HEADER = Header(stamp=Time(sec=2, nanosec=5), frame_id="lidar")
POINTS = np.array([[1, 2, 3, 0.5], [-4, 5.5, 6, 0.25], [7, 8, -9, 1], [0, 1, 0, 0]], np.float32)
TYPES = {"f4": PointField.FLOAT32, "f8": PointField.FLOAT64, "u2": PointField.UINT16,
         "u1": PointField.UINT8, "u4": PointField.UINT32}  # fmt: skip


def cloud(layout, columns, *, height=1, row_padding=0, bigendian=False, step=None):
    """A cloud of [(name, code, offset)] with the given columns."""
    step = step or max(offset + np.dtype(code).itemsize for _, code, offset in layout)
    order = ">" if bigendian else "<"
    dtype = np.dtype(
        {
            "names": [name for name, _, _ in layout],
            "formats": [order + code for _, code, _ in layout],
            "offsets": [offset for _, _, offset in layout],
            "itemsize": step,
        }
    )
    count = len(next(iter(columns.values())))
    body = np.zeros(count, dtype)
    for name, values in columns.items():
        body[name] = values
    rows = body.reshape(height, -1).view(np.uint8).reshape(height, -1)
    rows = np.pad(rows, ((0, 0), (0, row_padding)), constant_values=77)
    return PointCloud2(
        header=HEADER,
        height=height,
        width=count // height,
        fields=[
            PointField(name=name, offset=offset, datatype=TYPES[code], count=1)
            for name, code, offset in layout
        ],
        is_bigendian=bigendian,
        point_step=step,
        row_step=rows.shape[1],
        data=array.array("B", rows.tobytes()),
    )


def columns(names="xyzi"):
    every = dict(zip(("x", "y", "z", "intensity"), POINTS.T, strict=True))
    return {name: every["intensity" if name == "i" else name] for name in names}


XYZI = [("x", "f4", 0), ("y", "f4", 4), ("z", "f4", 8), ("i", "f4", 12)]


@pytest.mark.parametrize("bigendian", [False, True])
@pytest.mark.parametrize("height", [1, 2, 4])
@pytest.mark.parametrize(
    ("layout", "step"),
    [
        (XYZI, 16),
        ([("i", "f4", 0), ("z", "f4", 4), ("y", "f4", 12), ("x", "f4", 20)], 32),
        ([("x", "f8", 0), ("y", "f8", 8), ("z", "f8", 16), ("i", "f4", 24)], 28),
    ],
    ids=["plain", "padded and shuffled", "float64"],
)
def test_points_arrive_whatever_the_layout(layout, step, height, bigendian):
    message = cloud(layout, columns(), height=height, row_padding=8, bigendian=bigendian, step=step)
    record = lidar_record(message)
    assert record.points.dtype == np.float32
    assert np.array_equal(record.points, POINTS)
    assert (record.stamp_ns, record.frame_id) == (2_000_000_005, "lidar")


def test_intensity_is_zero_where_the_driver_gives_none():
    points = lidar_record(cloud(XYZI[:3], columns("xyz"))).points
    assert np.array_equal(points[:, :3], POINTS[:, :3])
    assert not points[:, 3].any()


@pytest.mark.parametrize("name", ["intensity", "reflectivity", "i"])
def test_intensity_is_found_under_the_names_that_drivers_use(name):
    message = cloud([*XYZI[:3], (name, "u2", 12)], columns("xyz") | {name: [1, 2, 3, 400]})
    assert lidar_record(message).points[:, 3].tolist() == [1, 2, 3, 400]


def test_nan_and_infinite_points_pass_on_for_the_projection_to_drop():
    holes = POINTS.copy()
    holes[1, 0], holes[2, 2] = np.nan, np.inf
    message = cloud(XYZI, dict(zip(("x", "y", "z", "i"), holes.T, strict=True)))
    assert np.array_equal(lidar_record(message).points, holes, equal_nan=True)


@pytest.mark.parametrize(
    ("layout", "missing"),
    [(XYZI[:2], "z"), ([("a", "f4", 0)], "x, y, z"), ([], "x, y, z")],
)
def test_a_cloud_without_coordinates_is_refused(layout, missing):
    message = cloud(XYZI, columns())
    message.fields = [
        PointField(name=name, offset=offset, datatype=TYPES[code], count=1)
        for name, code, offset in layout
    ]
    with pytest.raises(RecordError, match=f"add {missing}"):
        lidar_record(message)


def test_an_empty_cloud_is_refused():
    message = cloud(XYZI, columns())
    message.width, message.row_step, message.data = 0, 0, array.array("B")
    with pytest.raises(RecordError, match="without points"):
        lidar_record(message)


def test_a_cloud_of_nothing_but_nan_is_refused():
    message = cloud(XYZI, dict.fromkeys("xyzi", [np.nan] * 4))
    with pytest.raises(RecordError, match="4 points are all NaN"):
        lidar_record(message)


@pytest.mark.parametrize(
    "change",
    [
        {"point_step": 0},
        {"point_step": 8},
        {"width": 5000},
        {"height": 9},
        {"row_step": 1, "height": 2},
    ],
    ids=str,
)
def test_bytes_that_do_not_add_up_are_refused(change):
    message = cloud(XYZI, columns())
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(RecordError, match="point_step"):
        lidar_record(message)


def test_a_sweep_survives_the_way_out_and_back():
    record = LidarRecord(9_000_000_000, "lidar", POINTS)
    again = lidar_record(lidar_message(record))
    assert np.array_equal(again.points, POINTS)
    assert again.stamp_ns == record.stamp_ns


def events():
    stamp_ns = 2_000_000_005
    return EventRecord(
        stamp_ns,
        "event",
        EventArray(
            np.array([0, 5, 319], np.uint16),
            np.array([1, 2, 239], np.uint16),
            stamp_ns + np.array([0, 1000, 2_000_000], np.int64),
            np.array([1, 0, 1], np.uint8),
        ),
        320,
        240,
    )


def test_events_survive_the_way_out_and_back():
    again = event_record(events_message(events()), 320, 240)
    for name in ("x", "y", "t_ns", "p"):
        assert np.array_equal(getattr(again.events, name), getattr(events().events, name)), name
    assert (again.width, again.height) == (320, 240)


def test_event_times_in_seconds_count_from_the_stamp():
    layout = [("x", "u2", 0), ("y", "u2", 2), ("t", "f8", 4), ("p", "u1", 12)]
    message = cloud(layout, {"x": [1, 2], "y": [3, 4], "t": [0.0, 0.25], "p": [0, 1]})
    assert event_record(message, 10, 10).events.t_ns.tolist() == [2_000_000_005, 2_250_000_005]


def test_events_at_impossible_places_fall_off_every_image():
    layout = [("x", "f4", 0), ("y", "f4", 4), ("t", "u4", 8), ("p", "u1", 12)]
    message = cloud(layout, {"x": [-1, 1e9], "y": [np.nan, 3], "t": [0, 1], "p": [1, 1]})
    record = event_record(message, 10, 10)
    assert record.events.x.tolist() == [65535, 65535]
    assert record.events.y.tolist() == [65535, 3]


def test_an_event_cloud_without_times_is_refused():
    with pytest.raises(RecordError, match="add t, p"):
        event_record(cloud(XYZI[:3], columns("xyz")), 10, 10)


def test_labelled_points_carry_class_and_colour():
    palette = np.zeros((256, 3), np.uint8)
    palette[3] = (10, 20, 30)
    labels = np.array([3, 255, 3, 0], np.uint8)
    out = labelled_points_message(POINTS, labels, palette, 4_000_000_000, "lidar")
    dtype = np.dtype({
        "names": ["x", "rgb", "label"], "formats": ["<f4", "<u4", "u1"],
        "offsets": [0, 12, 16], "itemsize": out.point_step,
    })  # fmt: skip
    body = np.frombuffer(out.data, dtype)
    assert body["x"].tolist() == POINTS[:, 0].tolist()
    assert body["label"].tolist() == labels.tolist()
    assert body["rgb"].tolist() == [0x0A141E, 0, 0x0A141E, 0]
