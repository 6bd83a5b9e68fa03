"""``anyseg demo``: the whole line on this machine, with sensors that fail and return."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.utilities import get_rmw_implementation_identifier
from rich.console import Console

from anyseg_core.cli.command import Command
from anyseg_core.errors import ConfigurationError
from anyseg_core.geometry import load_calibration
from anyseg_core.types import MODALITIES
from anyseg_core.weights import shipped_checkpoint
from anyseg_ros.demo.lifecycle import bring_up, wait
from anyseg_ros.demo.monitor import DemoMonitor, Tally
from anyseg_ros.demo.player import DEFAULT_SECONDS, Player
from anyseg_ros.demo.processes import Processes, isolate_ros
from anyseg_ros.demo.report import summary, write_json, write_pictures
from anyseg_ros.demo.screen import Display, Screen
from anyseg_ros.demo.view import DemoView, require_viewer
from anyseg_ros.resources import config_file

if TYPE_CHECKING:
    import argparse

    from anyseg_core.geometry import Calibration
    from anyseg_ros.demo.script import Sample

SPIN_S = 0.05
PATIENCE_S = 60.0
# On the first start the network's graphs are made for this machine and image size.
FIRST_START_S = 400.0
UNTRAINED = (
    "The network is untrained: no weights come with this version. Masks show that the line runs "
    "and what it uses, not what is in the picture."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the demo's options."""
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--frames", type=int, metavar="N", help="stop after N segmented frames")
    length.add_argument(
        "--seconds",
        type=float,
        metavar="S",
        help=f"stop after S seconds (default: {DEFAULT_SECONDS:g})",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("output/demo"),
        metavar="DIR",
        help="where pictures, figures and logs go (default: %(default)s)",
    )
    parser.add_argument(
        "--view",
        action="store_true",
        help="also show it in a browser, on a page that this machine alone can open",
    )


def run(options: argparse.Namespace) -> int:
    """Run the demo; see ``add_arguments``."""
    _check(options)
    console = Console()
    trained = shipped_checkpoint() is not None
    if not trained:
        console.print(UNTRAINED, style="yellow")
    options.output.mkdir(parents=True, exist_ok=True)
    isolate_ros()
    calibration = load_calibration(config_file("simulated_calibration.yaml"))
    camera = calibration.camera("rgb")
    rclpy.init()
    try:
        monitor = DemoMonitor((camera.width, camera.height))
        samples = _play(options, console, monitor, calibration)
        monitor.destroy_node()
        figures = summary(monitor.tally, get_rmw_implementation_identifier(), trained=trained)
    finally:
        rclpy.try_shutdown()
    files = write_pictures(options.output, samples, calibration)
    for path in [options.output / "summary.json", *([options.json] if options.json else [])]:
        write_json(path, figures)
        files.append(path)
    _tell(console, figures, files)
    return 0


def _check(options: argparse.Namespace) -> None:
    for name in ("frames", "seconds"):
        value = getattr(options, name)
        if value is not None and not value > 0:
            raise ConfigurationError(f"--{name} {value}", "more than 0", "give a positive number")
    if options.view:
        require_viewer()


def _play(
    options: argparse.Namespace, console: Console, monitor: DemoMonitor, calibration: Calibration
) -> list[Sample]:
    executor = SingleThreadedExecutor()
    executor.add_node(monitor)
    calibration_file = str(config_file("simulated_calibration.yaml"))
    with Processes(options.output) as processes, ExitStack() as stack:

        def spin() -> None:
            executor.spin_once(timeout_sec=SPIN_S)
            processes.check()

        console.print("starting the simulated rig and the node, each in its own process ...")
        console.print("(the first start prepares the network for this machine: some ten seconds)")
        processes.start("rig", "anyseg_ros.simulated_rig_node", {})
        processes.start(
            "node", "anyseg_ros.perception_node", {"calibration_file": calibration_file}
        )
        displays: list[Display] = []
        if options.view:
            view = stack.enter_context(DemoView(processes, monitor, calibration))
            displays.append(view)
            console.print(f"look at {view.url} while it runs", soft_wrap=True)
        bring_up(monitor, "/anyseg", spin, FIRST_START_S)
        console.print("the node is active; the rig renders its street ...")
        wait(lambda: len(monitor.used) == len(MODALITIES), spin, PATIENCE_S)
        monitor.tally = Tally()
        if options.view:
            monitor.keep_looking()
        displays.append(stack.enter_context(Screen(console, monitor)))
        return Player(options.frames, options.seconds, monitor, displays, spin).play()


def _tell(console: Console, figures: dict[str, Any], files: list[Path]) -> None:
    latency = figures["latency_ms"]
    sets = ", ".join(f"{name} {count}" for name, count in figures["sets_by_modalities"].items())
    console.print(f"frames {figures['frames']}, overtaken {figures['dropped']}; sets: {sets}")
    console.print(f"latency p50 {latency['p50']} ms, p95 {latency['p95']} ms")
    for fault, delay_ms in figures["detection_delay_ms"].items():
        console.print(f"{fault} noticed after {delay_ms} ms")
    console.print("written:")
    for path in files:
        console.print(f"  {path}", soft_wrap=True)


COMMAND = Command(
    "demo", "show the node at work on a simulated rig whose sensors fail", add_arguments, run
)
