"""The direction of imports, and what the core may never import."""

import subprocess
import sys

import pytest

BASE = {"errors", "types", "classes"}

# Part of anyseg_core: the parts that it may import. A new part gets a line here.
ALLOWED = {
    "errors": set(),
    "types": {"errors"},
    "classes": {"errors", "types"},
    "metrics": BASE | {"kernels"},
    "kernels": set(),
    "parallel": set(),
    "processes": set(),
    "geometry": BASE | {"kernels"},
    "events": BASE | {"kernels", "parallel"},
    "sync": BASE,
    "health": BASE | {"kernels", "sync"},
    "projection": BASE | {"kernels", "parallel", "normalisation", "geometry", "events"},
    "weights": BASE,
    "normalisation": BASE,
    "models": BASE | {"normalisation"},
    "distillation": BASE | {"models"},
    "runtime": BASE | {"normalisation", "models", "weights", "kernels", "parallel", "processes"},
    "config": BASE | {"health"},
    "segmentation": BASE | {"health", "sync"},
    "pipeline": BASE
    | {"config", "geometry", "events", "sync", "health", "projection", "runtime", "segmentation"},
    "simulation": BASE | {"geometry", "events", "kernels", "parallel", "processes"},
    "messages": BASE | {"geometry", "events"},
    "data": BASE | {"normalisation", "geometry", "events", "projection", "simulation", "config"},
    "recording": BASE
    | {"config", "geometry", "messages", "normalisation", "processes", "projection"}
    | {"simulation"},
    "train": BASE
    | {"config", "normalisation", "models", "distillation", "runtime", "data", "metrics"}
    | {"weights"},
    "evaluation": BASE
    | {"config", "geometry", "events", "sync", "health", "projection", "models", "runtime"}
    | {"pipeline", "segmentation", "simulation", "data", "normalisation", "messages"}
    | {"metrics", "weights", "processes"},
}
ALLOWED["html_page"] = BASE
ALLOWED["evaluation"] |= {"html_page"}
ALLOWED["replay"] = ALLOWED["evaluation"] | {"evaluation"}
ALLOWED["benchmark"] = BASE | {
    "normalisation", "geometry", "events", "projection", "models", "sync", "runtime", "health",
    "simulation", "recording", "processes",
}  # fmt: skip
# The command line is on top: it may import every part.
ALLOWED["cli"] = set(ALLOWED)

# Everything a ROS 2 installation brings that the nodes could want; the core wants none of it.
ROS = {
    "ament_index_python",
    "builtin_interfaces",
    "cv_bridge",
    "diagnostic_msgs",
    "diagnostic_updater",
    "event_camera_msgs",
    "geometry_msgs",
    "launch",
    "launch_ros",
    "lifecycle_msgs",
    "message_filters",
    "nav_msgs",
    "rcl_interfaces",
    "rclpy",
    "ros2cli",
    "rosgraph_msgs",
    "rosidl_runtime_py",
    "sensor_msgs",
    "sensor_msgs_py",
    "std_msgs",
    "std_srvs",
    "tf2_msgs",
    "tf2_py",
    "tf2_ros",
    "vision_msgs",
    "visualization_msgs",
}

# Parts that measure or report durations to a person; everything else is told the time.
READS_A_CLOCK = {"benchmark", "cli", "train", "evaluation", "replay", "runtime"}


def part_of(path):
    """Return the part of anyseg_core that a module belongs to; None for the package itself."""
    name = path.parts[1].removesuffix(".py")
    return None if name == "__init__" else name


@pytest.fixture(scope="module")
def core(imports):
    modules = {path: names for path, names in imports.items() if path.parts[0] == "anyseg_core"}
    assert modules
    return modules


def test_core_imports_neither_ros_nor_the_nodes(core):
    found = {
        (str(path), name)
        for path, names in core.items()
        for name in names
        if name.split(".")[0] in ROS | {"anyseg_ros"}
    }
    assert found == set()


def test_every_part_of_the_core_has_its_line_in_the_table(core):
    parts = {part_of(path) for path in core} - {None}
    assert parts <= set(ALLOWED)


def test_parts_of_the_core_import_only_what_lies_below_them(core):
    found = set()
    for path, names in core.items():
        part = part_of(path)
        for name in names:
            if name.startswith("anyseg_core."):
                other = name.split(".")[1]
                if other in ALLOWED and other != part and other not in ALLOWED[part]:
                    found.add((str(path), name))
    assert found == set()


def test_the_table_has_no_cycle():
    below = {part: allowed - {part} for part, allowed in ALLOWED.items()}
    while below:
        leaves = {part for part, allowed in below.items() if not allowed & set(below)}
        assert leaves, f"a cycle among {sorted(below)}"
        below = {part: allowed for part, allowed in below.items() if part not in leaves}


def test_relative_imports_do_not_leave_their_part(core):
    found = set()
    for path, names in core.items():
        depth = len(path.parts) - 2  # folders between the module and anyseg_core
        for name in names:
            dots = len(name) - len(name.lstrip("."))
            if dots > max(depth, 0):
                found.add((str(path), name))
    assert found == set()


def test_core_is_told_the_time_and_reads_no_clock(core):
    found = {
        (str(path), name)
        for path, names in core.items()
        if part_of(path) not in READS_A_CLOCK
        for name in names
        if name.split(".")[0] in {"time", "datetime"}
    }
    assert found == set()


def test_importing_the_pipeline_brings_no_ros_module(root):
    code = "import sys, anyseg_core.pipeline; print(*sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True
    ).stdout
    loaded = {name.split(".")[0] for name in said.split()}
    assert "anyseg_core" in loaded
    assert not loaded & ROS
