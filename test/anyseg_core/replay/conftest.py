from dataclasses import dataclass

import numpy as np
import pytest

from anyseg_core.messages import event_fields, image_fields, lidar_fields, pixel_fields
from anyseg_core.simulation import RigConfig, SimulatedRig
from anyseg_core.types import DepthRecord, EventRecord, LidarRecord

EPOCH_NS = 1_700_000_000_000_000_000
PERIOD_NS = 100_000_000
FRAMES = 30
TOPICS = {
    "rgb": "/rgb/image",
    "depth": "/depth/image",
    "event": "/events",
    "lidar": "/lidar/points",
    "truth": "/ground_truth/segmentation",
}


@dataclass
class Reading:
    t_ns: int
    sensor: str
    content: object


@pytest.fixture(scope="session")
def drive():
    """Readings of 3 s of a small simulated rig, in the order in which they are out."""
    config = RigConfig(seed=4, width=64, height=64, lidar_beams=16, lidar_columns=256)
    rig = SimulatedRig(config)
    readings = []
    for frame in range(1, FRAMES + 1):
        t_ns = frame * PERIOD_NS
        sweep_ns = t_ns - PERIOD_NS // 2
        readings += [
            Reading(sweep_ns, "lidar", rig.lidar(sweep_ns)),
            Reading(t_ns, "event", rig.events(t_ns - PERIOD_NS // 2, t_ns)),
            Reading(t_ns, "rgb", rig.rgb(t_ns)),
            Reading(t_ns + 5_000_000, "depth", rig.depth(t_ns)),
            Reading(t_ns + 6_000_000, "truth", (t_ns, rig.labels(t_ns))),
        ]
    return rig, sorted(readings, key=lambda one: one.t_ns)


class BagMaker:
    """Writes readings as a rosbag2."""

    def __init__(self, path, storage="mcap"):
        rosbag2 = pytest.importorskip("rosbags.rosbag2")
        typesys = pytest.importorskip("rosbags.typesys")
        self.store = typesys.get_typestore(typesys.Stores.ROS2_JAZZY)
        plugin = getattr(rosbag2.StoragePlugin, storage.upper())
        self.writer = rosbag2.Writer(path, version=9, storage_plugin=plugin)
        self.writer.open()
        self.connections = {}

    def message(self, kind, **values):
        return self.store.types[kind](**values)

    def header(self, stamp_ns, frame_id):
        seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
        stamp = self.message("builtin_interfaces/msg/Time", sec=seconds, nanosec=nanoseconds)
        return self.message("std_msgs/msg/Header", stamp=stamp, frame_id=frame_id)

    def write(self, topic, kind, log_ns, message):
        if topic not in self.connections:
            self.connections[topic] = self.writer.add_connection(topic, kind, typestore=self.store)
        data = self.store.serialize_cdr(message, kind)
        self.writer.write(self.connections[topic], log_ns, data)

    def image(self, topic, log_ns, header, fields):
        kind = "sensor_msgs/msg/Image"
        self.write(topic, kind, log_ns, self.message(kind, header=header, **fields))

    def cloud(self, topic, log_ns, header, fields):
        points = [self.message("sensor_msgs/msg/PointField", **one) for one in fields["fields"]]
        kind = "sensor_msgs/msg/PointCloud2"
        message = self.message(kind, header=header, **{**fields, "fields": points})
        self.write(topic, kind, log_ns, message)

    def camera_info(self, topic, log_ns, rig):
        kind = "sensor_msgs/msg/CameraInfo"
        matrix = rig.camera_matrix
        projection = np.hstack([matrix, np.zeros((3, 1))])
        roi = self.message(
            "sensor_msgs/msg/RegionOfInterest",
            x_offset=0, y_offset=0, height=0, width=0, do_rectify=False,
        )  # fmt: skip
        message = self.message(
            kind, header=self.header(log_ns, "camera_optical"), height=rig.height,
            width=rig.width, distortion_model="plumb_bob", d=np.zeros(5), k=matrix.reshape(-1),
            r=np.eye(3).reshape(-1), p=projection.reshape(-1), binning_x=0, binning_y=0, roi=roi,
        )  # fmt: skip
        self.write(topic, kind, log_ns, message)

    def transform(self, log_ns, parent, child, matrix):
        x, y, z, w = quaternion(matrix[:3, :3])
        vector = self.message(
            "geometry_msgs/msg/Vector3", **dict(zip("xyz", matrix[:3, 3], strict=True))
        )
        turn = self.message("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w)
        one = self.message(
            "geometry_msgs/msg/TransformStamped",
            header=self.header(log_ns, parent),
            child_frame_id=child,
            transform=self.message(
                "geometry_msgs/msg/Transform", translation=vector, rotation=turn
            ),
        )
        kind = "tf2_msgs/msg/TFMessage"
        self.write("/tf_static", kind, log_ns, self.message(kind, transforms=[one]))

    def reading(self, reading, shift_ns=0, topics=TOPICS):
        """Write one reading; its stamps are ``shift_ns`` away from the recorder's clock."""
        log_ns = EPOCH_NS + reading.t_ns
        topic, content = topics[reading.sensor], reading.content
        if reading.sensor == "truth":
            stamp_ns, labels = content
            header = self.header(EPOCH_NS + shift_ns + stamp_ns, "camera_optical")
            self.image(topic, log_ns, header, pixel_fields(labels, "mono8"))
            return
        header = self.header(EPOCH_NS + shift_ns + content.stamp_ns, content.frame_id)
        if isinstance(content, LidarRecord):
            self.cloud(topic, log_ns, header, lidar_fields(content))
        elif isinstance(content, EventRecord):
            self.cloud(topic, log_ns, header, event_fields(content))
        else:
            assert isinstance(content, DepthRecord) or reading.sensor == "rgb"
            self.image(topic, log_ns, header, image_fields(content))


def quaternion(rotation):
    """Return x, y, z, w of a rotation: the eigenvector of Bar-Itzhack's symmetric matrix."""
    r = rotation
    k = np.array(
        [
            [r[0, 0] - r[1, 1] - r[2, 2], r[1, 0] + r[0, 1], r[2, 0] + r[0, 2], r[2, 1] - r[1, 2]],
            [r[1, 0] + r[0, 1], r[1, 1] - r[0, 0] - r[2, 2], r[2, 1] + r[1, 2], r[0, 2] - r[2, 0]],
            [r[2, 0] + r[0, 2], r[2, 1] + r[1, 2], r[2, 2] - r[0, 0] - r[1, 1], r[1, 0] - r[0, 1]],
            [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], np.trace(r)],
        ]
    )
    return [float(value) for value in np.linalg.eigh(k)[1][:, -1]]


@pytest.fixture(scope="session")
def make_bag(drive, tmp_path_factory):
    """Write the drive as a bag; what is left out or changed is up to the caller."""

    def _make(
        storage="mcap",
        keep=lambda _: True,
        shift_ns=0,
        topics=TOPICS,
        transforms=True,
        camera_info=True,
        shift_of=None,
    ):
        rig, readings = drive
        path = tmp_path_factory.mktemp("bag") / "drive"
        maker = BagMaker(path, storage)
        if camera_info:
            maker.camera_info("/rgb/camera_info", EPOCH_NS + 1, rig)
        if transforms:
            maker.transform(EPOCH_NS + 2, "camera_optical", "lidar", rig.camera_from_lidar)
        for reading in readings:
            if keep(reading):
                shift = (shift_of or {}).get(reading.sensor, shift_ns)
                maker.reading(reading, shift, topics)
        maker.writer.close()
        return path

    return _make


@pytest.fixture(scope="session")
def bag(make_bag):
    return make_bag()


@pytest.fixture(scope="session")
def checkpoint(save_network):
    return save_network("mean_fusion")
