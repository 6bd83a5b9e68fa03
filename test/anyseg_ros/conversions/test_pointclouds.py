import numpy as np
import pytest
from sensor_msgs.msg import PointField

from anyseg_core.messages import event_record, lidar_record
from anyseg_core.types import EventArray, EventRecord, LidarRecord
from anyseg_ros.conversions.pointclouds import (
    events_message,
    labelled_points_message,
    lidar_message,
)

POINTS = np.array([[1, 2, 3, 0.5], [-4, 5.5, 6, 0.25], [7, 8, -9, 1], [0, 1, 0, 0]], np.float32)
STAMP_NS = 2_000_000_005


@pytest.mark.parametrize("times", [None, STAMP_NS + np.array([-3, 0, 7, 10**8])])
def test_a_sweep_survives_the_way_out_and_back(times):
    again = lidar_record(lidar_message(LidarRecord(STAMP_NS, "lidar", POINTS, times)))
    assert np.array_equal(again.points, POINTS)
    assert (again.stamp_ns, again.frame_id) == (STAMP_NS, "lidar")
    assert np.array_equal(again.point_t_ns, times)


def test_events_survive_the_way_out_and_back():
    events = EventArray(
        np.array([0, 5, 319], np.uint16),
        np.array([1, 2, 239], np.uint16),
        STAMP_NS + np.array([0, 1000, 2_000_000], np.int64),
        np.array([1, 0, 1], np.uint8),
    )
    message = events_message(EventRecord(STAMP_NS, "event", events, 320, 240))
    again = event_record(message, 320, 240)
    for name in ("x", "y", "t_ns", "p"):
        assert np.array_equal(getattr(again.events, name), getattr(events, name)), name
    assert (again.width, again.height) == (320, 240)


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
    assert {field.name: field.datatype for field in out.fields}["rgb"] == PointField.FLOAT32
