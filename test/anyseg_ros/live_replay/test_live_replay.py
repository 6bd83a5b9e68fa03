"""A bag through DDS and the running node gives the masks of the replay, or says why not."""

import json
import subprocess
import sys

import pytest
from rclpy.serialization import serialize_message

MS = 1_000_000
START_NS = 1_700_000_000_000_000_000
TOPICS = {
    "rgb": ("/front/image", "sensor_msgs/msg/Image"),
    "depth": ("/front/depth", "sensor_msgs/msg/Image"),
    "event": ("/dvs/events", "sensor_msgs/msg/PointCloud2"),
    "lidar": ("/top/points", "sensor_msgs/msg/PointCloud2"),
    "camera_info": ("/front/camera_info", "sensor_msgs/msg/CameraInfo"),
}
FRAMES = 12


@pytest.fixture
def bag(scene, tmp_path):
    """Twelve instants of the scene under topics of their own, as a driver's messages on disk."""
    rosbag2 = pytest.importorskip("rosbags.rosbag2", reason="the extra bags is not installed")
    typesys = pytest.importorskip("rosbags.typesys")
    path = tmp_path / "drive"
    writer = rosbag2.Writer(path, version=9, storage_plugin=rosbag2.StoragePlugin.MCAP)
    writer.open()
    store = typesys.get_typestore(typesys.Stores.ROS2_JAZZY)
    connections = {
        name: writer.add_connection(topic, kind, typestore=store)
        for name, (topic, kind) in TOPICS.items()
    }
    for index in range(1, FRAMES + 1):
        t_ns = START_NS + index * 100 * MS
        # sensor, stamp and record time: the events of an instant come before it
        readings = [
            ("lidar", t_ns - 10 * MS, t_ns - 5 * MS),
            ("event", t_ns - 40 * MS, t_ns - 30 * MS),
            ("event", t_ns - 8 * MS, t_ns + 1 * MS),
            ("camera_info", t_ns, t_ns + 2 * MS),
            ("rgb", t_ns, t_ns + 3 * MS),
            ("depth", t_ns, t_ns + 6 * MS),
        ]
        for name, stamp_ns, log_ns in sorted(readings, key=lambda one: one[2]):
            message = getattr(scene, name)(stamp_ns)
            writer.write(connections[name], log_ns, serialize_message(message))
    writer.close()
    return path


def test_a_live_replay_gives_the_masks_of_the_replay_and_explains_every_other_frame(
    bag, calibration_file, checkpoint, tmp_path
):
    done = subprocess.run(
        [
            sys.executable, "-m", "anyseg_core.cli.main", "replay", str(bag), "--live",
            "--rate", "0.25", "--size", "64x64", "--backend", "torch",
            "--checkpoint", str(checkpoint), "--calibration", str(calibration_file),
            "--json", str(tmp_path / "figures.json"), "--output", str(tmp_path / "report"),
        ],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())
    live = figures["live"]
    assert live["messages"] == 6 * FRAMES
    assert sum(live["frames"].values()) == len(live["each"]) >= FRAMES
    assert live["frames"]["equal"] >= 1
    # whatever the machine's load: from the same readings come the same pixels
    assert live["frames"]["other_pixels"] == 0
    assert all(one["why"] for one in live["each"] if one["outcome"] != "equal")
    assert sum(one["frames"] for one in live["latency_ms"].values()) == live["masks"]
    assert all(0 < one["p50"] <= one["p95"] for one in live["latency_ms"].values())
    assert live["rejected"] == {}
    assert "PyTorch" in live["runtime"]
    assert "the same mask, bit for bit" in done.stdout
    assert "Through the running node" in (tmp_path / "report/report.html").read_text()
