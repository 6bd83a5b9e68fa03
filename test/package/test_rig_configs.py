"""Each configuration of a common rig, read by the node as it runs."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml

from anyseg_core.config import PipelineConfig, default_sensors
from anyseg_core.pipeline import _synchronizer

rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed")
from anyseg_ros import inputs  # noqa: E402 - needs rclpy
from anyseg_ros.parameters import SPECS, read_parameters  # noqa: E402
from anyseg_ros.perception_node import PerceptionNode  # noqa: E402

FOLDER = Path(__file__).parents[2] / "config" / "rigs"
FILES = sorted(FOLDER.glob("*.yaml"))
SENSORS = {
    "realsense": {"rgb", "depth"},
    "zed": {"rgb", "depth"},
    "prophesee": {"event"},
    "dvxplorer": {"event"},
    "ouster": {"lidar"},
    "velodyne": {"lidar"},
}
TOPIC_OF = {
    "rgb": "rgb/image",
    "depth": "depth/image",
    "event": "events",
    "lidar": "lidar/points",
}
MS = 1_000_000
# How the drivers deliver: period, delay from the stamp to the arrival, spread of that delay, in
# milliseconds. An Ouster stamps a sweep with its first column, a Velodyne with its last packet.
DELIVERY = {
    "realsense": {"rgb": (33.3, 40, 5), "depth": (33.3, 50, 5)},
    "zed": {"rgb": (33.3, 70, 10), "depth": (33.3, 90, 10)},
    "prophesee": {"event": (4, 5, 1)},
    "dvxplorer": {"event": (2, 3, 1)},
    "ouster": {"lidar": (100, 110, 5)},
    "velodyne": {"lidar": (100, 10, 5)},
}


@dataclass(frozen=True)
class Loaded:
    """A node that was started with a rig's file, and what the file says."""

    node: PerceptionNode
    remap: dict[str, str]
    given: dict[str, object]
    devices: list[str]

    @property
    def config(self):
        return read_parameters(self.node)


def flatten(tree, prefix=""):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def loaded(request, monkeypatch):
    """A real node with the file and the remappings on its command line."""
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setenv("ROS_DOMAIN_ID", str(102 + os.getpid() % 100))
    path = request.param
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    lines = content["/rig"]["ros__parameters"]["remap"]
    arguments = ["--ros-args", "--params-file", str(path)]
    for line in lines:
        arguments += ["-r", line]
    rclpy.init(args=arguments)
    node = PerceptionNode()
    yield Loaded(
        node,
        dict(line.split(":=") for line in lines),
        dict(flatten(content["/**"]["ros__parameters"])),
        path.stem.split("_"),
    )
    node.destroy_node()
    rclpy.try_shutdown()


@pytest.fixture
def subscribed(loaded, monkeypatch):
    """By resolved topic, the subscriptions that the rig's node makes."""
    # the package of EventPacket is on few machines; its class does not matter here
    monkeypatch.setattr(inputs, "event_message_class", lambda _: inputs.PointCloud2)
    nothing = [lambda *_: None] * 4
    made = inputs.SensorInputs(loaded.node, loaded.config, None, *nothing)
    yield {each.topic_name: each for each in made._subscriptions}
    made.destroy()


def test_there_is_a_rig_of_each_kind():
    assert {device for path in FILES for device in path.stem.split("_")} == set(SENSORS)


def test_every_parameter_of_the_file_is_one_of_the_node_and_reaches_it(loaded):
    own = {name: value for name, value in loaded.given.items() if "qos_overrides" not in name}
    assert set(own) <= set(SPECS)
    for name, value in own.items():
        assert type(value) is type(SPECS[name].default), name
        assert loaded.node.get_parameter(name).value == value, name


def test_the_sensors_are_those_that_the_name_promises(loaded):
    wanted = set().union(*(SENSORS[device] for device in loaded.devices))
    assert set(loaded.config.pipeline.sensors) == wanted
    assert set(loaded.config.pipeline.reference_order) == wanted


def test_no_input_keeps_the_topic_of_the_node_itself(loaded, subscribed):
    for sensor in loaded.config.pipeline.sensors:
        assert TOPIC_OF[sensor] in loaded.remap
    assert set(loaded.remap) == {
        "rgb/camera_info",
        *(TOPIC_OF[sensor] for sensor in loaded.config.pipeline.sensors),
    }
    assert set(subscribed) == set(loaded.remap.values())
    assert all(topic.startswith("/") for topic in subscribed)


def test_every_quality_of_service_belongs_to_a_subscription_and_is_taken(loaded, subscribed):
    overrides = {name: value for name, value in loaded.given.items() if "qos_overrides" in name}
    named = {name.split(".")[1] for name in overrides}
    assert named == set(subscribed) - {loaded.remap["rgb/camera_info"]}
    for topic in named:
        profile = subscribed[topic].qos_profile
        assert profile.depth == overrides[f"qos_overrides.{topic}.subscription.depth"]
        reliability = overrides[f"qos_overrides.{topic}.subscription.reliability"]
        assert profile.reliability.name.lower() == reliability


def test_events_come_as_their_driver_publishes_them(loaded):
    if "event" in loaded.config.pipeline.sensors:
        assert loaded.config.event_type == "event_packet"


def test_frames_hold_every_sensor_at_the_rates_of_the_drivers(loaded):
    delivery = {}
    for device in loaded.devices:
        delivery |= DELIVERY[device]
    complete, total = count_sets(loaded.config.pipeline, delivery)
    assert total > 300
    assert complete / total > 0.95


def test_the_parameters_of_the_node_itself_lose_sweeps_that_come_a_turn_late():
    """What the patience and the tolerance of the rigs with an Ouster are for."""
    config = PipelineConfig(
        sensors={name: default_sensors()[name] for name in ("rgb", "depth", "lidar")}
    )
    complete, total = count_sets(config, DELIVERY["realsense"] | DELIVERY["ouster"])
    assert complete / total < 0.7


def count_sets(config, delivery, seconds=20):
    """Return how many sets of readings were complete, and how many there were."""
    rng = np.random.default_rng(0)
    messages = []
    for name, (period, delay, spread) in delivery.items():
        stamps = rng.uniform(0, period) + np.arange(int(seconds * 1000 / period)) * period
        arrivals = stamps + delay + np.abs(rng.normal(0, spread, len(stamps)))
        messages += [
            (arrival, name, stamp) for arrival, stamp in zip(arrivals, stamps, strict=True)
        ]
    synchronizer = _synchronizer(config)
    sets = []
    for arrival, name, stamp in sorted(messages):
        now_ns = int(arrival * MS)
        sets += synchronizer.poll(now_ns)
        sets += synchronizer.push(name, int(stamp * MS), name, now_ns)
    learnt = [each for each in sets if each.stamp_ns > 2000 * MS]
    return sum(len(each.readings) == len(delivery) for each in learnt), len(learnt)
