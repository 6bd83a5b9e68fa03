"""The launch file, loaded with recorders in place of ROS 2's launch packages.

A recorder keeps what it was made with, so that the description can be read without launch.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import yaml

ROOT = Path(__file__).parents[2]
LAUNCH_FILE = ROOT / "launch" / "perception.launch.py"

RECORDED = {
    "ament_index_python.packages": [],
    "launch": ["LaunchContext", "LaunchDescription", "LaunchDescriptionEntity"],
    "launch.actions": [
        "DeclareLaunchArgument",
        "EmitEvent",
        "LogInfo",
        "OpaqueFunction",
        "RegisterEventHandler",
        "SetEnvironmentVariable",
        "Shutdown",
    ],
    "launch.events": ["matches_action"],
    "launch_ros": [],
    "launch_ros.actions": ["LifecycleNode", "Node"],
    "launch_ros.event_handlers": ["OnStateTransition"],
    "launch_ros.events": [],
    "launch_ros.events.lifecycle": ["ChangeState"],
    "lifecycle_msgs.msg": [],
}


class Recorder:
    """Keeps the arguments that it was made with, the named ones as attributes."""

    def __init__(self, *arguments, **named):
        self.arguments = arguments
        self.named = named

    def __getattr__(self, name):
        try:
            return self.__dict__["named"][name]
        except KeyError:
            raise AttributeError(name) from None


@pytest.fixture
def launch_file(monkeypatch):
    """Return the launch file as a module whose actions are recorders."""
    for name, classes in RECORDED.items():
        module = ModuleType(name)
        for recorded in classes:
            setattr(module, recorded, type(recorded, (Recorder,), {}))
        monkeypatch.setitem(sys.modules, name, module)
    sys.modules["ament_index_python.packages"].get_package_share_directory = lambda _: str(ROOT)
    transition = SimpleNamespace(TRANSITION_CONFIGURE="configure", TRANSITION_ACTIVATE="activate")
    sys.modules["lifecycle_msgs.msg"].Transition = transition
    spec = importlib.util.spec_from_file_location("perception_launch", LAUNCH_FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def started(launch_file):
    """Return a function: argument values to what the launch file would start with them."""

    def start(**given):
        values = {each.arguments[0]: each.default_value for each in launch_file.arguments()}
        assert set(given) <= set(values)
        values.update(given)
        return launch_file.nodes(SimpleNamespace(launch_configurations=values, is_shutdown=False))

    return start


@pytest.fixture
def launch_path():
    return LAUNCH_FILE


@pytest.fixture
def parameter_file():
    """Return a function: name of a file in config/ to its parameters by their dotted names."""

    def flatten(tree, prefix=""):
        for name, value in tree.items():
            if isinstance(value, dict):
                yield from flatten(value, f"{prefix}{name}.")
            else:
                yield f"{prefix}{name}", value

    def read(name):
        text = (ROOT / "config" / name).read_text(encoding="utf-8")
        return dict(flatten(yaml.safe_load(text)["/**"]["ros__parameters"]))

    return read
