"""Measures the perception node in its own process, in turns with the network alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import rclpy
import yaml
from rclpy.utilities import get_rmw_implementation_identifier
from rich.console import Console

from anyseg_core.benchmark.machine import describe_machine
from anyseg_core.cli.output import write_json, write_text
from anyseg_core.runtime import load_segmenter
from anyseg_core.types import MODALITIES
from anyseg_ros.benchmark.bare_network import BareNetwork
from anyseg_ros.benchmark.clip import render_clip
from anyseg_ros.benchmark.driver import Driver, Load, Measured
from anyseg_ros.benchmark.figures import NodeRow, markdown_table, screen_table, verdicts
from anyseg_ros.benchmark.process_meter import ProcessMeter
from anyseg_ros.demo.processes import Processes, isolate_ros

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from anyseg_ros.benchmark.clip import MessageClip

NODE = "node"
INSTANTS = 8
PERIODS_OF_SILENCE = 3.5
"""Of the slowest rate: so long may a sensor be silent before the node gives it up."""


@dataclass(slots=True)
class _Rounds:
    """What one load came to so far."""

    measured: list[Measured] = field(default_factory=list)
    network_ms: list[float] = field(default_factory=list)


def run_benchmark(options: argparse.Namespace, plan: list[tuple[tuple[str, ...], float]]) -> int:
    """Measure what is planned, show it and write what was asked for.

    Args:
        options: of the command line.
        plan: sensors and rate of each measurement of a round.

    Raises:
        AnysegError: the node cannot be started or gives no masks.
    """
    console = Console()
    options.output.mkdir(parents=True, exist_ok=True)
    isolate_ros()
    console.print("rendering a drive ...")
    clip = render_clip(options.size, INSTANTS)
    network = BareNetwork(load_segmenter(options.checkpoint, options.backend), options.size)
    loads = [Load(sensors, rate_hz) for sensors, rate_hz in plan]
    rclpy.init()
    try:
        done = _measure(options, loads, clip, network, console)
    finally:
        rclpy.try_shutdown()
    rows = [
        NodeRow(load, options.size, tuple(each.measured), tuple(each.network_ms))
        for load, each in zip(loads, done, strict=True)
    ]
    _tell(options, rows, clip, network, console)
    return 0


def _measure(
    options: argparse.Namespace,
    loads: list[Load],
    clip: MessageClip,
    network: BareNetwork,
    console: Console,
) -> list[_Rounds]:
    done = [_Rounds() for _ in loads]
    parameters = _parameters(options, clip, min(load.rate_hz for load in loads))
    with Processes(options.output) as processes:
        processes.start(NODE, "anyseg_ros.perception_node", parameters)
        driver, meter = Driver(clip, "/anyseg", processes.check), ProcessMeter(processes.pid(NODE))
        try:
            console.print("configuring the node ...")
            driver.configure()
            for number in range(options.rounds):
                for load, rounds in zip(loads, done, strict=True):
                    # the node is idle meanwhile, so that neither takes the other's time
                    rounds.network_ms.append(network.time_ms(load, options.seconds))
                    rounds.measured.append(driver.measure(load, options.seconds, meter))
                console.print(f"round {number + 1} of {options.rounds} done")
        finally:
            driver.destroy_node()
    return done


def _parameters(
    options: argparse.Namespace, clip: MessageClip, slowest_hz: float
) -> dict[str, str]:
    calibration: Path = options.output / "calibration.yaml"
    write_text("--output", calibration, yaml.safe_dump(clip.calibration))
    silence_s = max(PERIODS_OF_SILENCE / slowest_hz, 0.5)
    return {
        "calibration_file": str(calibration),
        "input_width": str(options.size),
        "input_height": str(options.size),
        "checkpoint": f"'{options.checkpoint}'",
        "backend": options.backend,
        **{f"{sensor}.timeout_s": str(silence_s) for sensor in MODALITIES},
    }


def _tell(
    options: argparse.Namespace,
    rows: list[NodeRow],
    clip: MessageClip,
    network: BareNetwork,
    console: Console,
) -> None:
    machine = describe_machine()
    console.print(screen_table(rows))
    console.print(
        "times in ms: latency from stamp to mask, the node's own part of it, the network alone",
        style="dim",
    )
    for line in verdicts(rows):
        console.print(line)
    on = (
        f"{network.description}; {machine['processor']}, {machine['cores']} cores, "
        f"load {machine['load']}"
    )
    console.print(on)
    figures: dict[str, Any] = {
        "benchmark": "node",
        "unit": "ms",
        "rounds": options.rounds,
        "seconds": options.seconds,
        "size": options.size,
        "data_sha256": clip.sha256,
        "network": network.description,
        "middleware": get_rmw_implementation_identifier(),
        "rows": [row.as_json() for row in rows],
        "machine": machine,
    }
    if options.json is not None:
        write_json("--json", options.json, figures)
    if options.markdown is not None:
        write_text("--markdown", options.markdown, f"{markdown_table(rows)}\n{on}\n")
