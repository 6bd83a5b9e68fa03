from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from anyseg_core.errors import ConfigurationError
from anyseg_core.messages import camera_from_info, record_converters, stamp_to_ns
from anyseg_core.recording import write_bag
from anyseg_core.recording.bag import EPOCH_NS, TOPICS
from anyseg_core.simulation import RigConfig, SimulatedRig

highlevel = pytest.importorskip("rosbags.highlevel")
typesys = pytest.importorskip("rosbags.typesys")

CONFIG = RigConfig(seed=4, width=48, height=32, condition="rain")


def read(folder):
    store = typesys.get_typestore(typesys.Stores.ROS2_JAZZY)
    with highlevel.AnyReader([folder], default_typestore=store) as bag:
        return [
            (connection.topic, arrival_ns, bag.deserialize(data, connection.msgtype))
            for connection, arrival_ns, data in bag.messages()
        ]


@pytest.fixture(scope="module")
def folder(ray_caster, tmp_path_factory):
    assert ray_caster
    folder = tmp_path_factory.mktemp("bags") / "drive"
    assert list(write_bag(folder, CONFIG, 0.2, "mcap"))[-1] == len(read(folder))
    return folder


@pytest.fixture(scope="module")
def messages(folder):
    return read(folder)


def of(messages, name):
    return [message for topic, _, message in messages if topic == TOPICS[name][0]]


def test_two_processes_write_the_bytes_that_one_writes(ray_caster, tmp_path):
    assert ray_caster
    written = []
    for workers in (1, 2):
        folder = tmp_path / str(workers) / "drive"
        folder.parent.mkdir()
        counts = list(write_bag(folder, CONFIG, 0.6, "mcap", workers))
        assert len(counts) == 6
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]


def test_every_topic_has_the_messages_that_its_rate_gives(messages):
    counts = Counter(topic for topic, _, _ in messages)
    ten_hertz = ("rgb", "camera_info", "depth", "lidar", "labels")
    wanted = {TOPICS[name][0]: 2 for name in ten_hertz}
    assert counts == wanted | {TOPICS["event"][0]: 10, TOPICS["tf_static"][0]: 1}


def test_messages_come_in_the_order_of_their_arrival_and_none_before_it_was_measured(messages):
    arrivals = [arrival_ns for _, arrival_ns, _ in messages]
    assert arrivals == sorted(arrivals)
    for topic, arrival_ns, message in messages:
        if topic != TOPICS["tf_static"][0]:
            assert EPOCH_NS <= stamp_to_ns(message.header.stamp) <= arrival_ns


@pytest.mark.parametrize("name", ["rgb", "depth", "lidar", "event"])
def test_readings_come_back_as_the_rig_gave_them(messages, name):
    rig = SimulatedRig(CONFIG)
    t_ns = 100_000_000
    given = {
        "rgb": lambda: rig.rgb(t_ns).image,
        "depth": lambda: rig.depth(t_ns).depth,
        "lidar": lambda: rig.lidar(t_ns // 2).points,
        "event": lambda: rig.events(0, 20_000_000).events,
    }[name]()
    convert = record_converters[TOPICS[name][1], name](lambda: (48, 32))
    record = convert(of(messages, name)[0])
    if name == "event":
        assert np.array_equal(record.events.x, given.x)
        assert np.array_equal(record.events.y, given.y)
        assert np.array_equal(record.events.p, given.p)
        assert np.array_equal(record.events.t_ns, given.t_ns + EPOCH_NS)
        assert len(given)
    else:
        pixels = {"rgb": "image", "depth": "depth", "lidar": "points"}[name]
        assert np.array_equal(getattr(record, pixels), given, equal_nan=name != "depth")


def test_the_true_classes_stand_beside_the_image_of_their_instant(messages):
    truth, image = of(messages, "labels")[1], of(messages, "rgb")[1]
    assert truth.encoding == "mono8"
    assert truth.header == image.header
    labels = SimulatedRig(CONFIG).labels(200_000_000)
    assert np.array_equal(truth.data.reshape(32, 48), labels)


def test_the_camera_s_info_is_the_rig_s(messages):
    camera = camera_from_info(of(messages, "camera_info")[0])
    assert (camera.width, camera.height) == (48, 32)
    assert np.array_equal(camera.matrix, SimulatedRig(CONFIG).camera_matrix)


def test_the_static_transforms_lead_from_the_lidar_to_the_camera(messages):
    def matrix(transform):
        q, at = transform.rotation, transform.translation
        x, y, z, w = q.x, q.y, q.z, q.w
        out = np.eye(4)
        out[:3, :3] = [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
        out[:3, 3] = at.x, at.y, at.z
        return out

    (message,) = of(messages, "tf_static")
    poses = {t.child_frame_id: matrix(t.transform) for t in message.transforms}
    assert {t.header.frame_id for t in message.transforms} == {"base_link"}
    camera_from_lidar = np.linalg.inv(poses["camera_optical"]) @ poses["lidar"]
    np.testing.assert_allclose(camera_from_lidar, SimulatedRig(CONFIG).camera_from_lidar, atol=1e-9)


def test_the_same_drive_gives_the_same_bytes(folder, tmp_path):
    again = tmp_path / folder.name
    list(write_bag(again, CONFIG, 0.2, "mcap"))
    for path in folder.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes()


def test_sqlite_holds_the_same_messages(messages, tmp_path):
    list(write_bag(tmp_path / "drive", CONFIG, 0.1, "sqlite3"))
    first = read(tmp_path / "drive")
    assert [(topic, arrival) for topic, arrival, _ in first] == [
        (topic, arrival) for topic, arrival, _ in messages[: len(first)]
    ]


def test_an_existing_folder_and_a_drive_of_no_length_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="exists"):
        list(write_bag(tmp_path, CONFIG, 1.0, "mcap"))
    with pytest.raises(ConfigurationError, match="drive of 0"):
        list(write_bag(tmp_path / "new", CONFIG, 0.0, "mcap"))
    with pytest.raises(ConfigurationError, match="nan"):
        list(write_bag(tmp_path / "new", CONFIG, float("nan"), "mcap"))
