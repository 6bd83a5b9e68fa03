"""The launch file: its arguments, and the nodes and transitions that they lead to."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from anyseg_core.geometry import load_calibration
from anyseg_core.simulation import RigConfig, mounting
from anyseg_ros.demo.processes import FAST_DDS_PROFILES

TOPICS = {
    "rgb_topic": "rgb/image",
    "rgb_info_topic": "rgb/camera_info",
    "depth_topic": "depth/image",
    "event_topic": "events",
    "lidar_topic": "lidar/points",
}
OTHERS = {
    "params_file",
    "rig",
    "calibration_file",
    "checkpoint",
    "backend",
    "device",
    "namespace",
    "use_sim_time",
    "simulate",
    "autostart",
    "log_level",
}


def kind(entity):
    return type(entity).__name__


def of_kind(entities, name):
    return [entity for entity in entities if kind(entity) == name]


def requested(entity):
    """Return the transition that an EmitEvent asks for."""
    assert kind(entity.event) == "ChangeState"
    return entity.event.transition_id


def test_every_argument_is_described_and_has_a_default(launch_file):
    arguments = launch_file.arguments()
    assert {each.arguments[0] for each in arguments} == set(TOPICS) | OTHERS
    for each in arguments:
        assert each.description.endswith("."), each.arguments
        assert isinstance(each.default_value, str)


def test_defaults_are_among_the_choices(launch_file):
    for each in launch_file.arguments():
        if "choices" in each.named:
            assert each.default_value in each.choices


def test_topics_default_to_the_names_of_the_node(launch_file):
    defaults = {each.arguments[0]: each.default_value for each in launch_file.arguments()}
    assert {name: defaults[name] for name in TOPICS} == TOPICS


def test_description_holds_the_arguments_before_the_nodes(launch_file):
    (entities,) = launch_file.generate_launch_description().arguments
    kinds = [kind(entity) for entity in entities]
    assert kinds == ["DeclareLaunchArgument"] * (len(kinds) - 1) + ["OpaqueFunction"]


def test_without_an_argument_one_node_is_started(started):
    entities = started()
    (node,) = of_kind(entities, "LifecycleNode")
    assert (node.package, node.executable) == ("anyseg_ros", "perception_node")
    assert of_kind(entities, "Node") == []


@pytest.mark.parametrize(
    ("distribution", "name"),
    [("kilted", "FASTDDS_DEFAULT_PROFILES_FILE"), ("humble", "FASTRTPS_DEFAULT_PROFILES_FILE")],
)
def test_large_images_have_room_in_shared_memory(started, monkeypatch, distribution, name):
    assert name in FAST_DDS_PROFILES
    monkeypatch.setenv("ROS_DISTRO", distribution)
    for known in FAST_DDS_PROFILES:  # which the launch file repeats: it imports nothing of ours
        monkeypatch.delenv(known, raising=False)
    first, *_ = started()
    assert kind(first) == "SetEnvironmentVariable"
    assert first.arguments[0] == name
    assert Path(first.arguments[1]).is_file()
    monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", "the user's own")
    assert not of_kind(started(), "SetEnvironmentVariable")


def test_without_an_argument_the_node_is_configured_and_then_activated(started):
    entities = started()
    (first,) = of_kind(entities, "EmitEvent")
    assert requested(first) == "configure"
    handlers = [each.arguments[0] for each in of_kind(entities, "RegisterEventHandler")]
    (configured,) = [each for each in handlers if each.goal_state == "inactive"]
    assert configured.start_state == "configuring"
    (then,) = configured.entities
    assert requested(then) == "activate"


def test_deactivating_by_hand_does_not_activate_again(started):
    handlers = [each.arguments[0] for each in of_kind(started(), "RegisterEventHandler")]
    assert {each.start_state for each in handlers} == {"configuring"}


def test_a_refused_configuration_is_said(started):
    handlers = [each.arguments[0] for each in of_kind(started(), "RegisterEventHandler")]
    (refused,) = [each for each in handlers if each.goal_state == "unconfigured"]
    assert [kind(each) for each in refused.entities] == ["LogInfo"]


def test_without_autostart_nothing_drives_the_transitions(started):
    kinds = {kind(entity) for entity in started(autostart="false")}
    assert kinds - {"SetEnvironmentVariable"} == {"LifecycleNode"}


def test_simulate_brings_the_rig_up_on_the_same_topics(started):
    entities = started(simulate="true", lidar_topic="/top/points", namespace="robot")
    (node,) = of_kind(entities, "LifecycleNode")
    (rig,) = of_kind(entities, "Node")
    assert rig.executable == "simulated_rig_node"
    assert rig.remappings == node.remappings
    assert ("lidar/points", "/top/points") in rig.remappings
    assert rig.namespace == node.namespace == "robot"


def test_simulate_takes_the_calibration_of_the_rig_unless_another_is_given(started):
    def calibration(**given):
        (node,) = of_kind(started(simulate="true", **given), "LifecycleNode")
        return node.parameters[-1]["calibration_file"]

    assert calibration().endswith("config/simulated_calibration.yaml")
    assert calibration(calibration_file="/my/rig.yaml") == "/my/rig.yaml"


def test_an_argument_that_is_not_given_leaves_the_parameter_file_alone(started):
    (node,) = of_kind(started(), "LifecycleNode")
    file, given = node.parameters
    assert file.endswith("config/perception.yaml")
    assert given == {"use_sim_time": False}


def test_an_argument_that_is_given_wins_over_the_parameter_file(started):
    given = {"checkpoint": "/w.safetensors", "backend": "torch", "device": "cuda:0"}
    (node,) = of_kind(started(**given, use_sim_time="true"), "LifecycleNode")
    assert node.parameters[-1] == {**given, "use_sim_time": True}


def test_log_level_reaches_the_node(started):
    (node,) = of_kind(started(log_level="debug"), "LifecycleNode")
    assert node.ros_arguments == ["--log-level", "debug"]


def test_a_parameter_file_that_does_not_exist_is_refused(started):
    with pytest.raises(FileNotFoundError, match=r"'/no/such\.yaml'"):
        started(params_file="/no/such.yaml")


def test_a_rig_by_its_name_brings_its_topics_and_its_parameters(started):
    (node,) = of_kind(started(rig="realsense_ouster"), "LifecycleNode")
    file, rig, given = node.parameters
    assert file.endswith("config/perception.yaml")
    assert rig.endswith("config/rigs/realsense_ouster.yaml")
    assert given == {"use_sim_time": False}
    topics = dict(node.remappings)
    assert topics["lidar/points"] == "/ouster/points"
    assert topics["rgb/camera_info"] == "/camera/camera/color/camera_info"


def test_a_topic_that_is_given_wins_over_the_rig(started):
    (node,) = of_kind(started(rig="zed_velodyne", lidar_topic="/top/points"), "LifecycleNode")
    topics = dict(node.remappings)
    assert topics["lidar/points"] == "/top/points"
    assert topics["depth/image"] == "/zed/zed_node/depth/depth_registered"


def test_a_rig_may_be_a_file_of_ones_own(started, tmp_path):
    own = tmp_path / "mine.yaml"
    own.write_text("/rig: {ros__parameters: {remap: ['lidar/points:=/mine']}}\n")
    (node,) = of_kind(started(rig=str(own)), "LifecycleNode")
    assert ("lidar/points", "/mine") in node.remappings
    assert node.parameters[1] == str(own)


@pytest.mark.parametrize("name", ["realsense", "/no/such.yaml"])
def test_a_rig_that_does_not_exist_is_refused_with_those_that_do(started, name):
    with pytest.raises(FileNotFoundError, match=r"dvxplorer_velodyne, .*realsense_ouster"):
        started(rig=name)


def test_the_end_of_the_node_ends_the_launch_once(launch_file, started):
    (node,) = of_kind(started(), "LifecycleNode")
    (action,) = node.on_exit
    end = action.function
    running, ending = (SimpleNamespace(is_shutdown=state) for state in (False, True))
    assert [kind(each) for each in end(running)] == ["Shutdown"]
    assert end(ending) == []
    assert end is launch_file.end_all


def test_ros_2_reads_the_launch_file_and_finds_every_argument(launch_path, monkeypatch):
    # This project's folder launch/ can look like the package: ask for a part that only that has.
    pytest.importorskip("launch_ros.actions", reason="ROS 2's launch packages are not installed")
    from launch.launch_description_sources import (  # noqa: PLC0415 - present only with ROS 2
        get_launch_description_from_python_launch_file,
    )

    packages = pytest.importorskip("ament_index_python.packages")
    monkeypatch.setattr(
        packages, "get_package_share_directory", lambda _: str(launch_path.parents[1])
    )
    description = get_launch_description_from_python_launch_file(str(launch_path))
    declared = {argument.name for argument in description.get_launch_arguments()}
    assert declared == set(TOPICS) | OTHERS


def test_the_parameter_file_names_parameters_that_the_node_has(parameter_file):
    parameters = pytest.importorskip("anyseg_ros.parameters", reason="rclpy is not installed")
    for name, value in parameter_file("perception.yaml").items():
        spec = parameters.SPECS[name]
        assert type(value) is type(spec.default), name
        assert spec.low is None or spec.low <= value <= spec.high, name


def test_the_parameter_file_repeats_the_defaults(parameter_file):
    parameters = pytest.importorskip("anyseg_ros.parameters", reason="rclpy is not installed")
    given = parameter_file("perception.yaml")
    assert given == {name: parameters.SPECS[name].default for name in given}


def test_parameter_files_are_for_any_node_name_and_namespace(launch_path):
    for name in ("perception.yaml", "simulated_rig.yaml"):
        text = (launch_path.parents[1] / "config" / name).read_text(encoding="utf-8")
        assert list(yaml.safe_load(text)) == ["/**"]


def test_the_calibration_file_is_that_of_the_simulated_rig(launch_path):
    config = RigConfig()
    calibration = load_calibration(launch_path.parents[1] / "config" / "simulated_calibration.yaml")
    camera = calibration.camera("rgb")
    assert (camera.width, camera.height) == (config.width, config.height)
    np.testing.assert_allclose(camera.matrix, mounting.camera_matrix(config), atol=1e-6)
    vehicle_from_camera, vehicle_from_lidar = (
        mounting.vehicle_from_camera(),
        mounting.vehicle_from_lidar(),
    )
    camera_from_lidar = np.linalg.inv(vehicle_from_camera) @ vehicle_from_lidar
    found = calibration.transform("rgb", mounting.LIDAR_FRAME)
    np.testing.assert_allclose(found, camera_from_lidar, atol=1e-6)


def test_the_rig_starts_at_the_size_that_its_calibration_is_for(parameter_file):
    given, config = parameter_file("simulated_rig.yaml"), RigConfig()
    for name in ("seed", "width", "height", "condition"):
        assert given[name] == getattr(config, name)
