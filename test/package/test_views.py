"""RViz's configuration and Foxglove's layout show topics that the node really has."""

import json
import os
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed")
from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402 - needs rclpy
from sensor_msgs.msg import CameraInfo, Image, PointCloud2  # noqa: E402
from std_msgs.msg import String  # noqa: E402

from anyseg_core.classes import DELIVER  # noqa: E402
from anyseg_core.health import HealthState, Verdict  # noqa: E402
from anyseg_core.simulation import mounting  # noqa: E402
from anyseg_core.types import MODALITIES  # noqa: E402
from anyseg_ros import inputs  # noqa: E402
from anyseg_ros.conversions.pointclouds import labelled_points_message  # noqa: E402
from anyseg_ros.diagnostics import frame_status  # noqa: E402
from anyseg_ros.outputs import Outputs  # noqa: E402
from anyseg_ros.parameters import read_parameters  # noqa: E402
from anyseg_ros.perception_node import PerceptionNode  # noqa: E402

CONFIG = Path(__file__).parents[2] / "config"
RVIZ_TYPES = {
    "rviz_default_plugins/Image": Image,
    "rviz_default_plugins/PointCloud2": PointCloud2,
}
RVIZ_WITHOUT_TOPIC = {"rviz_default_plugins/Grid", "rviz_default_plugins/TF"}
PICTURES = {f"/anyseg/{name}" for name in ("color", "overlay", "confidence", "points")}
SHOWN = {*PICTURES, "/rgb/image", "/depth/image", "/lidar/points"}
QUERY = re.compile(
    r'(?P<topic>/[a-z_/]+)\.status\[:\]\{name=="(?P<name>[^"]+)"\}'
    r'\.values\[:\]\{key=="(?P<key>[^"]+)"\}\.value'
)


@pytest.fixture(scope="module")
def topics():
    """By name, the message class and the end of every topic of a node with its defaults."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        patch.setenv("ROS_DOMAIN_ID", str(102 + os.getpid() % 100))
        rclpy.init()
        node = PerceptionNode()
        Outputs(node, DELIVER)
        made = inputs.SensorInputs(node, read_parameters(node), None, *[lambda *_: None] * 4)
        found = {each.topic_name: (each.msg_type, each) for each in node.publishers}
        found |= {each.topic_name: (each.msg_type, each) for each in made._subscriptions}
        yield found
        made.destroy()
        node.destroy_node()
        rclpy.try_shutdown()


@pytest.fixture(scope="module")
def rviz():
    return yaml.safe_load((CONFIG / "anyseg.rviz").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def foxglove():
    return json.loads((CONFIG / "anyseg_foxglove.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def status():
    """A status as the node makes it, every sensor in use."""
    ok = Verdict("rgb", HealthState.OK, ())
    reports = [
        SimpleNamespace(sensor=name, used=True, verdict=ok, reason="", age_ns=0, skew_ns=0)
        for name in MODALITIES
    ]
    result = SimpleNamespace(
        stamp_ns=1, frame_id="", reference="rgb", used=MODALITIES, weights={}, sensors=reports
    )
    return frame_status("anyseg", result, 0, 0, 0)


def displays(rviz):
    return [each for each in rviz["Visualization Manager"]["Displays"] if "Topic" in each]


def panel_topics(panels):
    """Yield topic and message class for all that the panels show."""
    for name, config in panels.items():
        match name.split("!")[0]:
            case "Image":
                mode = config["imageMode"]
                yield mode["imageTopic"], Image
                if "calibrationTopic" in mode:
                    yield mode["calibrationTopic"], CameraInfo
            case "3D":
                yield from ((topic, PointCloud2) for topic in config["topics"])
            case "DiagnosticSummary":
                yield config["topicToRender"], DiagnosticArray
            case "RawMessages":
                yield config["topicPath"], String
            case "Plot" | "StateTransitions":
                for path in config["paths"]:
                    yield QUERY.fullmatch(path["value"])["topic"], DiagnosticArray
            case other:
                raise AssertionError(f"what does {other} show?")


def leaves(layout):
    return (
        [layout] if isinstance(layout, str) else leaves(layout["first"]) + leaves(layout["second"])
    )


def test_each_display_of_rviz_shows_a_topic_of_the_node_of_its_type(rviz, topics):
    for display in displays(rviz):
        message_class, _ = topics[display["Topic"]["Value"]]
        assert RVIZ_TYPES[display["Class"]] is message_class, display["Name"]
    others = [each["Class"] for each in rviz["Visualization Manager"]["Displays"]]
    assert set(others) <= RVIZ_WITHOUT_TOPIC | set(RVIZ_TYPES)


def test_rviz_shows_masks_confidence_points_and_inputs(rviz):
    shown = {display["Topic"]["Value"] for display in displays(rviz)}
    assert shown == {*SHOWN, "/anyseg/segmentation"}


def test_rviz_asks_for_no_more_reliability_than_is_published(rviz, topics):
    for display in displays(rviz):
        topic = display["Topic"]["Value"]
        wanted = display["Topic"]["Reliability Policy"].upper().replace(" ", "_")
        _, end = topics[topic]
        if topic.startswith("/anyseg/"):
            assert wanted == end.qos_profile.reliability.name
        else:  # a driver's; most publish best effort, and a reliable display would stay empty
            assert wanted == "BEST_EFFORT"


def test_rviz_stands_in_the_lidar_s_frame_where_the_points_are(rviz):
    frame = rviz["Visualization Manager"]["Global Options"]["Fixed Frame"]
    assert frame == mounting.LIDAR_FRAME


def test_labelled_points_have_the_field_that_the_views_colour_by(rviz, foxglove):
    palette, nothing = DELIVER.palette(), [[1.0, 2.0, 3.0, 0.5]]
    message = labelled_points_message(
        np.float32(nothing), np.uint8([3]), palette, 1, mounting.LIDAR_FRAME
    )
    (points,) = [each for each in displays(rviz) if each["Topic"]["Value"] == "/anyseg/points"]
    assert points["Color Transformer"] == "RGB8"
    shown = foxglove["configById"]["3D!points"]["topics"]["/anyseg/points"]
    assert {"rgb", shown["colorField"]} <= {field.name for field in message.fields}


def test_each_panel_of_foxglove_shows_a_topic_of_the_node_of_its_type(foxglove, topics):
    for topic, message_class in panel_topics(foxglove["configById"]):
        assert topics[topic][0] is message_class, topic


def test_foxglove_shows_masks_points_inputs_status_and_diagnostics(foxglove):
    shown = {topic for topic, _ in panel_topics(foxglove["configById"])}
    assert shown >= {*SHOWN, "/anyseg/status", "/diagnostics", "/anyseg/label_names"}


def test_foxglove_s_layout_places_every_panel_once(foxglove):
    assert sorted(leaves(foxglove["layout"])) == sorted(foxglove["configById"])


def test_foxglove_asks_for_values_that_a_status_has(foxglove, status):
    there = {(entry.name, pair.key) for entry in status.status for pair in entry.values}
    asked = {
        (found["name"], found["key"])
        for config in foxglove["configById"].values()
        for path in config.get("paths", ())
        if (found := QUERY.fullmatch(path["value"]))
    }
    assert asked <= there
    assert {f"anyseg: {sensor}" for sensor in MODALITIES} < {name for name, _ in asked}
