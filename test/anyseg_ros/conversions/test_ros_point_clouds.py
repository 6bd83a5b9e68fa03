"""Our point clouds against those of ROS's own sensor_msgs_py, which has no wheel."""

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
from anyseg_ros.conversions.stamps import header_of

point_cloud2 = pytest.importorskip("sensor_msgs_py.point_cloud2")

POINTS = np.array([[1, 2, 3, 0.5], [-4, 5.5, 6, 0.25], [7, 8, -9, 1], [0, 1, 0, 0]], np.float32)
EVENTS = EventArray(
    np.array([0, 5, 319], np.uint16),
    np.array([1, 2, 239], np.uint16),
    np.array([10, 1010, 2_000_010], np.int64),
    np.array([1, 0, 1], np.uint8),
)


def field(name, offset, kind):
    return PointField(name=name, offset=offset, datatype=kind, count=1)


def test_ros_reads_the_sweep_that_we_write():
    message = lidar_message(LidarRecord(10, "lidar", POINTS, 10 + np.array([0, 5, 7, 9])))
    read = point_cloud2.read_points(message, ("x", "y", "z", "intensity", "t"))
    for i, name in enumerate(("x", "y", "z", "intensity")):
        assert read[name].tolist() == POINTS[:, i].tolist()
    assert read["t"].tolist() == [0, 5, 7, 9]


def test_ros_reads_the_events_that_we_write():
    message = events_message(EventRecord(10, "event", EVENTS, 320, 240))
    read = point_cloud2.read_points(message, ("x", "y", "t", "p"))
    assert read["x"].tolist() == EVENTS.x.tolist()
    assert read["y"].tolist() == EVENTS.y.tolist()
    assert (10 + read["t"].astype(np.int64)).tolist() == EVENTS.t_ns.tolist()
    assert read["p"].tolist() == EVENTS.p.tolist()


def test_ros_reads_the_labels_that_we_write():
    labels = np.array([3, 255, 3, 0], np.uint8)
    palette = np.zeros((256, 3), np.uint8)
    message = labelled_points_message(POINTS, labels, palette, 10, "lidar")
    read = point_cloud2.read_points(message, ("z", "label"))
    assert read["z"].tolist() == POINTS[:, 2].tolist()
    assert read["label"].tolist() == labels.tolist()


@pytest.mark.parametrize("step", [None, 32])
def test_we_read_the_sweep_that_ros_writes(step):
    fields = [field(name, 4 * i, PointField.FLOAT32) for i, name in enumerate("xyz")]
    fields.append(field("intensity", 16, PointField.FLOAT32))  # 4 bytes of nothing before it
    cloud = point_cloud2.create_cloud(header_of(10, "lidar"), fields, POINTS, step)
    record = lidar_record(cloud)
    assert np.array_equal(record.points, POINTS)
    assert record.frame_id == "lidar"


def test_we_read_the_events_that_ros_writes():
    kinds = (PointField.UINT16, PointField.UINT16, PointField.UINT32, PointField.UINT8)
    places = zip("xytp", (0, 2, 4, 8), kinds, strict=True)
    fields = [field(name, offset, kind) for name, offset, kind in places]
    rows = np.stack([EVENTS.x, EVENTS.y, EVENTS.t_ns - 10, EVENTS.p], 1).tolist()
    cloud = point_cloud2.create_cloud(header_of(10, "event"), fields, rows)
    again = event_record(cloud, 320, 240).events
    for name in ("x", "y", "t_ns", "p"):
        assert np.array_equal(getattr(again, name), getattr(EVENTS, name)), name
