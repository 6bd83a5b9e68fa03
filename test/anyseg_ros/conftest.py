"""Real rclpy over real DDS, kept to this machine and away from any other ROS on it."""

import json
import os

os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ["ROS_DOMAIN_ID"] = str(102 + os.getpid() % 100)

import signal
import subprocess
import sys
import time
from collections import defaultdict

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import String

from anyseg_core.geometry import Camera
from anyseg_core.types import DepthRecord, EventArray, EventRecord, LidarRecord
from anyseg_ros.conversions.camera_info import camera_info_message
from anyseg_ros.conversions.images import image_message, image_record_message
from anyseg_ros.conversions.pointclouds import events_message, lidar_message
from anyseg_ros.outputs import LATCHED

PATIENCE_S = 60.0
CALIBRATION = """
anyseg_calibration: 1
cameras:
  rgb: {width: 64, height: 48, matrix: [[50, 0, 31.5], [0, 50, 23.5], [0, 0, 1]],
        frame: camera_optical}
transforms:
  - {target: camera_optical, source: lidar,
     matrix: [[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]}
  - {target: base_link, source: lidar,
     matrix: [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1.5], [0, 0, 0, 1]]}
"""
TRANSITIONS = {
    "configure": Transition.TRANSITION_CONFIGURE,
    "cleanup": Transition.TRANSITION_CLEANUP,
    "activate": Transition.TRANSITION_ACTIVATE,
    "deactivate": Transition.TRANSITION_DEACTIVATE,
    "shutdown": Transition.TRANSITION_ACTIVE_SHUTDOWN,
}
PREPARED_NODE = """
import json, sys
from anyseg_ros.perception_node import main
print("imported", flush=True)
sys.argv[1:] = json.load(sys.stdin)
main()
"""


class Probe:
    """A robot and its user in one node: publishes sensors, listens to everything the node says."""

    def __init__(self, target="/anyseg", namespace=None):
        self.node = rclpy.create_node("probe", namespace=namespace)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.target = target
        self.received = defaultdict(list)
        self.senders = {
            "rgb": self.node.create_publisher(Image, "rgb/image", qos_profile_sensor_data),
            "depth": self.node.create_publisher(Image, "depth/image", qos_profile_sensor_data),
            "event": self.node.create_publisher(PointCloud2, "events", qos_profile_sensor_data),
            "lidar": self.node.create_publisher(
                PointCloud2, "lidar/points", qos_profile_sensor_data
            ),
            "camera_info": self.node.create_publisher(
                CameraInfo, "rgb/camera_info", qos_profile_sensor_data
            ),
        }
        self.listen("segmentation", Image)
        self.listen("confidence", Image)
        self.listen("status", DiagnosticArray)
        self.listen("label_info", String, LATCHED)
        self.subscribe("/diagnostics", "diagnostics", DiagnosticArray, 10)

    def listen(self, name, message_type, qos=10):
        return self.subscribe(f"{self.target}/{name}", name, message_type, qos)

    def subscribe(self, topic, name, message_type, qos):
        return self.node.create_subscription(message_type, topic, self.received[name].append, qos)

    def now_ns(self):
        return self.node.get_clock().now().nanoseconds

    def spin(self, seconds=0.05):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.executor.spin_once(timeout_sec=left)

    def wait_for(self, condition, what, patience_s=PATIENCE_S):
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            self.executor.spin_once(timeout_sec=0.05)
        raise AssertionError(f"no {what} within {patience_s} s")

    def belonging(self, name, status):
        """The message of a topic with a status's stamp: topics do not arrive in step."""
        stamp = status.header.stamp
        return self.wait_for(
            lambda: next((m for m in self.received[name] if m.header.stamp == stamp), None),
            f"{name} of that status",
        )

    def call(self, service_type, name, request):
        client = self.node.create_client(service_type, f"{self.target}/{name}")
        self.wait_for(client.service_is_ready, f"service {name}")
        future = client.call_async(request)
        self.wait_for(future.done, f"answer of {name}")
        self.node.destroy_client(client)
        return future.result()

    def transition(self, name):
        request = ChangeState.Request(transition=Transition(id=TRANSITIONS[name]))
        return self.call(ChangeState, "change_state", request).success

    def state(self):
        return self.call(GetState, "get_state", GetState.Request()).current_state.label

    def connected(self, names=("rgb", "depth", "event", "lidar", "camera_info")):
        return all(self.senders[name].get_subscription_count() for name in names)

    def close(self):
        self.executor.shutdown()
        self.node.destroy_node()


class NodeProcess:
    """A node of the package in a process of its own."""

    def __init__(self, log, *command):
        self.log = log
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, *command], stdin=subprocess.PIPE, stdout=stream, stderr=stream
            )

    def give(self, arguments):
        """Let a process that awaits its arguments go on."""
        with self.process.stdin as stream:
            stream.write(json.dumps(arguments).encode())

    def output(self):
        return self.log.read_text(errors="replace")

    def interrupt(self, patience_s=20):
        self.process.send_signal(signal.SIGINT)
        returncode = self.process.wait(patience_s)
        if returncode:
            sys.stderr.write(self.output())
        return returncode

    def close(self):
        self.process.stdin.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="session")
def start_perception(tmp_path_factory):
    """Function that starts a perception node with arguments.

    While a test runs, the next one's process imports what it needs: that takes seconds.
    """
    logs = tmp_path_factory.mktemp("logs")
    processes = []

    def prepare():
        log = logs / f"node_{len(processes)}.log"
        processes.append(NodeProcess(log, "-c", PREPARED_NODE))

    def start(arguments):
        prepared = processes[-1]
        while not prepared.output():  # two that import at once would keep each other back
            assert prepared.process.poll() is None
            time.sleep(0.05)
        prepared.give(arguments)
        prepare()
        return prepared

    prepare()
    yield start
    processes[-1].close()


@pytest.fixture(scope="module")
def probe():
    rclpy.init()
    probe = Probe()
    yield probe
    probe.close()
    rclpy.try_shutdown()


@pytest.fixture(scope="module")
def start_node(tmp_path_factory, start_perception):
    started = []
    logs = tmp_path_factory.mktemp("logs")

    def start(module="anyseg_ros.perception_node", remaps=(), **parameters):
        arguments = ["--ros-args"]
        if module == "anyseg_ros.perception_node":
            # What `auto` chooses has its own tests; to make its graphs takes ten seconds.
            parameters = {"backend": "torch"} | parameters
        for name, value in parameters.items():
            arguments += ["-p", f"{name.replace('__', '.')}:={value}"]
        for remap in remaps:
            arguments += ["-r", remap]
        if module == "anyseg_ros.perception_node":
            process = start_perception(arguments)
        else:
            process = NodeProcess(logs / f"node_{len(started)}.log", "-m", module, *arguments)
        started.append(process)
        return process

    yield start
    for process in started:
        process.close()


@pytest.fixture(scope="session")
def checkpoint(save_network):
    return save_network("mean_fusion")


@pytest.fixture(scope="session")
def calibration_file(tmp_path_factory):
    """The camera of ``scene`` and a LiDAR at its place, 1.5 m above the robot's base."""
    path = tmp_path_factory.mktemp("rig") / "calibration.yaml"
    path.write_text(CALIBRATION)
    return path


@pytest.fixture
def scene():
    """Messages of one small generated instant, 64 x 48, for every sensor."""
    return Scene(64, 48)


class Scene:
    def __init__(self, width, height, frame="camera_optical"):
        self.width, self.height, self.frame = width, height, frame
        rng = np.random.default_rng(3)
        self.image = rng.integers(30, 220, (height, width, 3), dtype=np.uint8)
        self.depth_mm = rng.integers(1000, 9000, (height, width), dtype=np.uint16)
        bearings = rng.uniform(-0.5, 0.5, 400)
        ranges = rng.uniform(3, 20, 400)
        self.points = np.stack(
            [ranges, ranges * bearings, rng.uniform(-1, 1, 400), rng.random(400)], axis=1
        ).astype(np.float32)

    def image_at(self, stamp_ns):
        """The picture with its noise: a real sensor never sends the same bytes twice."""
        rng = np.random.default_rng(stamp_ns)
        return self.image ^ rng.integers(0, 2, self.image.shape, dtype=np.uint8)

    def rgb(self, stamp_ns):
        return image_message(self.image_at(stamp_ns), "rgb8", stamp_ns, self.frame)

    def depth(self, stamp_ns):
        rng = np.random.default_rng(stamp_ns)
        depth_mm = self.depth_mm + rng.integers(0, 9, self.depth_mm.shape, dtype=np.uint16)
        return image_record_message(DepthRecord(stamp_ns, self.frame, depth_mm, 0.001))

    def event(self, stamp_ns, count=300):
        rng = np.random.default_rng(stamp_ns)
        events = EventArray(
            rng.integers(0, self.width, count, dtype=np.uint16),
            rng.integers(0, self.height, count, dtype=np.uint16),
            stamp_ns + np.sort(rng.integers(0, 5_000_000, count)),
            rng.integers(0, 2, count, dtype=np.uint8),
        )
        return events_message(EventRecord(stamp_ns, self.frame, events, self.width, self.height))

    def lidar(self, stamp_ns):
        rng = np.random.default_rng(stamp_ns)
        noise = rng.normal(0, 0.01, self.points.shape).astype(np.float32)
        return lidar_message(LidarRecord(stamp_ns, "lidar", self.points + noise))

    def camera_info(self, stamp_ns, **changes):
        camera = Camera(self.width, self.height, ((50.0, 0, 31.5), (0, 50.0, 23.5), (0, 0, 1)))
        message = camera_info_message(camera, stamp_ns, self.frame)
        for name, value in changes.items():
            setattr(message, name, value)
        return message
