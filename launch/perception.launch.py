"""Start the perception node and take it to active; with ``simulate:=true`` a simulated rig as well.

Without an argument the node configures and activates on its own:

    ros2 launch anyseg_ros perception.launch.py

With the sensors of a common rig, whose topics and parameters are in config/rigs:

    ros2 launch anyseg_ros perception.launch.py rig:=realsense_ouster
"""

import os
from pathlib import Path

import yaml
from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.events import matches_action
from launch_ros.actions import LifecycleNode, Node
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from lifecycle_msgs.msg import Transition

PACKAGE = "anyseg_ros"
BOOLEAN = ["true", "false"]

# Argument, the node's own name of that input, what it carries.
TOPICS = (
    ("rgb_topic", "rgb/image", "RGB images: sensor_msgs/Image or CompressedImage"),
    ("rgb_info_topic", "rgb/camera_info", "RGB camera's sensor_msgs/CameraInfo"),
    ("depth_topic", "depth/image", "depth images: sensor_msgs/Image, 16UC1 in mm or 32FC1 in m"),
    ("event_topic", "events", "events: EventPacket, PointCloud2 (x, y, t, p) or event frames"),
    ("lidar_topic", "lidar/points", "LiDAR: sensor_msgs/PointCloud2"),
)

# Arguments that set the parameter of the same name, and the value that leaves the parameter as the
# parameter file has it.
OVERRIDES = {"checkpoint": "", "backend": "auto", "device": "auto", "calibration_file": ""}


def shared(*parts: str) -> str:
    """Return the path of a file that the package installs under its share folder."""
    return str(Path(get_package_share_directory(PACKAGE), *parts))


def arguments() -> list[DeclareLaunchArgument]:
    """Return every argument of this launch file with its description and default."""
    topics = [
        DeclareLaunchArgument(name, default_value=own_name, description=f"Topic of the {what}.")
        for name, own_name, what in TOPICS
    ]
    return [
        *topics,
        DeclareLaunchArgument(
            "params_file",
            default_value=shared("config", "perception.yaml"),
            description="Parameter file of the node (YAML); the arguments below win over it.",
        ),
        DeclareLaunchArgument(
            "rig",
            default_value="",
            description="Sensors of a common rig: a name out of config/rigs or a file like those. "
            "Its parameters win over params_file, topics that are given as arguments over its own.",
        ),
        DeclareLaunchArgument(
            "calibration_file",
            default_value="",
            description="Calibration of the rig (YAML): cameras and transforms. Empty: camera_info "
            "and tf, or with simulate:=true the simulated rig's own.",
        ),
        DeclareLaunchArgument(
            "checkpoint",
            default_value="",
            description="Trained weights or an exported network. Empty: the package's own network.",
        ),
        DeclareLaunchArgument(
            "backend",
            default_value="auto",
            choices=["auto", "torch", "onnxruntime", "openvino"],
            description="What runs the network.",
        ),
        DeclareLaunchArgument(
            "device",
            default_value="auto",
            description="Where the network runs: auto, cpu, cuda or cuda:N.",
        ),
        DeclareLaunchArgument(
            "namespace", default_value="", description="Namespace of the nodes and their topics."
        ),
        DeclareLaunchArgument(
            "use_sim_time",
            default_value="false",
            choices=BOOLEAN,
            description="Take the time from /clock (a bag player, a simulator).",
        ),
        DeclareLaunchArgument(
            "simulate",
            default_value="false",
            choices=BOOLEAN,
            description="Start the simulated rig beside the node: all four sensors, no hardware.",
        ),
        DeclareLaunchArgument(
            "autostart",
            default_value="true",
            choices=BOOLEAN,
            description="Configure and activate the node; false leaves it unconfigured.",
        ),
        DeclareLaunchArgument(
            "log_level",
            default_value="info",
            choices=["debug", "info", "warn", "error", "fatal"],
            description="Least severity that the nodes log.",
        ),
    ]


def rig_file(name: str) -> Path:
    """Return the file of a rig: a name out of config/rigs, or a path that ends with .yaml."""
    folder = Path(shared("config", "rigs"))
    path = Path(name) if name.endswith(".yaml") else folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in folder.glob("*.yaml")))
        raise FileNotFoundError(f"rig: got {name!r}, wanted a YAML file that exists or {known}")
    return path


def remappings(value: dict[str, str]) -> list[tuple[str, str]]:
    """Return each input's own name and its topic: the argument's, else the rig's, else its own."""
    topics: dict[str, str] = {}
    if value["rig"]:
        content = yaml.safe_load(rig_file(value["rig"]).read_text(encoding="utf-8"))
        for line in content["/rig"]["ros__parameters"]["remap"]:
            own_name, topic = line.split(":=")
            topics[own_name] = topic
    for name, own_name, _ in TOPICS:
        if value[name] != own_name:
            topics[own_name] = value[name]
    return list(topics.items())


def overrides(value: dict[str, str]) -> dict[str, str | bool]:
    """Return the parameters that the arguments set over those of the parameter file."""
    chosen: dict[str, str | bool] = {
        name: value[name] for name, left_alone in OVERRIDES.items() if value[name] != left_alone
    }
    if value["simulate"] == "true":
        chosen.setdefault("calibration_file", shared("config", "simulated_calibration.yaml"))
    chosen["use_sim_time"] = value["use_sim_time"] == "true"
    return chosen


def transitions(node: LifecycleNode) -> list[LaunchDescriptionEntity]:
    """Return what configures the node once it is up, and activates it once it is configured."""

    def request(transition: int) -> EmitEvent:
        return EmitEvent(
            event=ChangeState(lifecycle_node_matcher=matches_action(node), transition_id=transition)
        )

    configured = OnStateTransition(
        target_lifecycle_node=node,
        start_state="configuring",
        goal_state="inactive",
        entities=[request(Transition.TRANSITION_ACTIVATE)],
    )
    refused = OnStateTransition(
        target_lifecycle_node=node,
        start_state="configuring",
        goal_state="unconfigured",
        entities=[LogInfo(msg="anyseg did not configure: its log above says why")],
    )
    return [
        RegisterEventHandler(configured),
        RegisterEventHandler(refused),
        request(Transition.TRANSITION_CONFIGURE),
    ]


def large_messages() -> list[LaunchDescriptionEntity]:
    """Return what lets Fast DDS share large images, unless the user has configured it.

    It counts for what these nodes send, such as colour masks; drivers that are started elsewhere
    need the same. Versions of Fast DDS before 3 know the second name alone.
    """
    names = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
    if any(name in os.environ for name in names):
        return []
    old = os.environ.get("ROS_DISTRO") in ("humble", "iron", "jazzy")
    return [SetEnvironmentVariable(names[1 if old else 0], shared("config", "fast_dds.xml"))]


def end_all(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return what ends the launch once the perception node is gone, unless it is ending already."""
    return [] if context.is_shutdown else [Shutdown(reason="the perception node has ended")]


def nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return the nodes for the values that the arguments have."""
    value = context.launch_configurations
    if not Path(value["params_file"]).is_file():
        # launch_ros would only warn, and the node run with other parameters than asked for.
        raise FileNotFoundError(
            f"params_file: got {value['params_file']!r}, wanted a YAML file that exists"
        )
    common = {
        "package": PACKAGE,
        "namespace": value["namespace"],
        "remappings": remappings(value),
        "ros_arguments": ["--log-level", value["log_level"]],
        "output": "screen",
        "emulate_tty": True,
    }
    files = [value["params_file"], *([str(rig_file(value["rig"]))] if value["rig"] else [])]
    perception = LifecycleNode(
        name="anyseg",
        executable="perception_node",
        parameters=[*files, overrides(value)],
        on_exit=[OpaqueFunction(function=end_all)],
        **common,
    )
    entities: list[LaunchDescriptionEntity] = [*large_messages(), perception]
    if value["simulate"] == "true":
        rig = Node(
            name="simulated_rig",
            executable="simulated_rig_node",
            parameters=[
                shared("config", "simulated_rig.yaml"),
                {"use_sim_time": value["use_sim_time"] == "true"},
            ],
            **common,
        )
        entities.append(rig)
    if value["autostart"] == "true":
        entities.extend(transitions(perception))
    return entities


def generate_launch_description() -> LaunchDescription:
    """Return the launch description: the arguments, then the nodes that they ask for."""
    return LaunchDescription([*arguments(), OpaqueFunction(function=nodes)])
