"""``anyseg replay``: what the node does with a recording, and when its sensors fail."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table

from anyseg_core.benchmark import describe_machine
from anyseg_core.cli.command import Command
from anyseg_core.cli.output import write_json
from anyseg_core.cli.sizes import parse_size
from anyseg_core.config import PipelineConfig
from anyseg_core.errors import ConfigurationError, MissingDependencyError
from anyseg_core.html_page import require_jinja2
from anyseg_core.processes import local_processes
from anyseg_core.replay import (
    MASK_FORMATS,
    NOMINAL,
    ROLES,
    Bag,
    Case,
    JobResult,
    ReplaySettings,
    dask_cluster,
    fault_case,
    find_topics,
    library_cases,
    merge_results,
    nominal_case,
    plan_jobs,
    run_campaign,
    run_job,
    scenario_cases,
    subset_cases,
)
from anyseg_core.replay.fault_tables import costliest
from anyseg_core.replay.report import write_report
from anyseg_core.replay.sinks import make_folder
from anyseg_core.replay.summary import expected_masks, machine_figures, replay_figures
from anyseg_core.simulation.faults import parse_fault
from anyseg_core.types import NS_PER_S

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from anyseg_core.replay.run import CaseResult
    from anyseg_core.replay.topics import TopicMap

_FILMED_CASES = 4
_FASTEST = 100.0


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("bag", type=Path, help="rosbag2 folder, .mcap, .db3, or a ROS 1 .bag")
    add("--checkpoint", default="", metavar="FILE", help="default: the package's own")
    add(
        "--backend", default="auto",
        help="runtime of the network (default: OpenVINO where it is installed, else PyTorch)",
    )  # fmt: skip
    add(
        "--fault", action="append", default=[], metavar="SENSOR:KIND@START[-END]",
        help="inject this fault, in seconds from the bag's start; may be repeated",
    )  # fmt: skip
    add("--subsets", metavar="all|R,RD,...", help="also replay with these sensors alone")
    add(
        "--faults", metavar="delivered|deliver",
        help="also each fault of the library, one by one; with --subsets, within each of them too",
    )  # fmt: skip
    add("--scenarios", type=Path, metavar="FILE", help="also the failures that this file tells")
    add(
        "--topic", action="append", default=[], metavar="ROLE=TOPIC",
        help=f"where the topics are ambiguous; ROLE is one of {', '.join(ROLES)}; no TOPIC: none",
    )  # fmt: skip
    add("--calibration", type=Path, metavar="FILE", help="instead of the bag's tf and camera info")
    add("--event-size", metavar="WxH", help="of the event camera, for events as points")
    add("--truth", type=Path, metavar="DIR", help="true masks, <stamp in ns>.png, one byte a pixel")
    add("--size", default="256x256", metavar="WxH", help="the network's input (%(default)s)")
    add("--masks", choices=MASK_FORMATS, default="none", help="write the masks to --output")
    add("--output", type=Path, metavar="DIR", help="report, films and masks go here")
    add("--seed", type=int, default=0, help="of everything random in the faults")
    add("--workers", type=int, default=1, metavar="N", help="processes (default: %(default)s)")
    add("--cluster", metavar="ADDRESS", help="of a Dask scheduler, instead of local processes")
    add("--live", action="store_true", help="also through DDS and the running node (needs ROS)")
    add("--rate", type=float, default=1.0, help="of --live, to real time (default: %(default)s)")
    add("--json", type=Path, metavar="FILE", help="write the figures there")


def _run(options: argparse.Namespace) -> int:
    if options.output is not None:
        require_jinja2()
        make_folder(options.output)
    live = _live_replay(options.rate) if options.live else None
    with Bag(options.bag) as bag:
        topics = find_topics(bag, dict(_pair(text) for text in options.topic))
        duration_ns = bag.end_ns - bag.start_ns
    cases = _cases(options, topics, duration_ns)
    settings = _settings(options, topics, len(cases))
    main = cases[1].name if options.fault else NOMINAL
    jobs = _run_jobs(options, settings, cases)
    results = merge_results(jobs, cases)
    card = jobs[0].card
    expected = expected_masks(jobs[0].counts, topics.roles, settings.config.reference_order)
    figures: dict[str, Any] = {
        "bag": str(options.bag),
        "network": f"{card.spec.name} {card.spec.encoder}",
        "trained": bool(card.sha256),
        "command": shlex.join(["anyseg", *sys.argv[1:]]),
        **replay_figures(results, main, len(card.classes), expected, jobs[0].problems),
        "machine": machine_figures(jobs, duration_ns / NS_PER_S, describe_machine()),
    }
    _print(figures)
    if live is not None:
        figures["live"] = live.live_figures(settings, results[0].rows, options.rate)
        live.print_figures(Console(), figures["live"])
    if options.output is not None:
        shown = _shown(settings, results, figures)
        path = write_report(
            options.output, figures, shown, len(card.classes), duration_ns / NS_PER_S
        )
        print(f"wrote {path}")
    if options.json is not None:
        write_json("--json", options.json, figures)
    return 0


def _shown(
    settings: ReplaySettings, results: Sequence[CaseResult], figures: Mapping[str, Any]
) -> list[CaseResult]:
    """Return the cases to draw: of a campaign those that cost the most, which are filmed now."""
    if settings.film:
        return list(results)
    names = {NOMINAL, figures["case"]}
    names.update(costliest(figures["cases"], _FILMED_CASES - len(names)))
    shown = [one for one in results if one.case.name in names]
    run_job(replace(settings, film=True, masks="none"), tuple(one.case for one in shown))
    return shown


def _live_replay(rate: float) -> ModuleType:
    """Return the part that needs ROS.

    Raises:
        ConfigurationError: the rate is none.
        MissingDependencyError: there is no ROS.
    """
    if not 0.0 < rate <= _FASTEST:
        raise ConfigurationError(
            f"--rate {rate:g}", f"above 0 and at most {_FASTEST:g}", "correct it"
        )
    try:
        return import_module("anyseg_ros.live_replay")
    except ImportError as error:
        raise MissingDependencyError(
            f"no module {error.name!r}",
            "ROS 2, or its client library from PyPI, for --live",
            "source your ROS installation, or run: pip install 'anyseg_ros[ros]'",
        ) from error


def _settings(options: argparse.Namespace, topics: TopicMap, cases: int) -> ReplaySettings:
    width, height = _size("--size", options.size)
    default = PipelineConfig()
    config = PipelineConfig(
        sensors={name: default.sensors[name] for name in topics.sensors},
        input_width=width,
        input_height=height,
    )
    return ReplaySettings(
        bag=options.bag,
        checkpoint=options.checkpoint,
        backend=options.backend,
        topics=dict(_pair(text) for text in options.topic),
        calibration=options.calibration,
        event_size=_size("--event-size", options.event_size) if options.event_size else None,
        truth=options.truth,
        masks=options.masks if options.output is not None else "none",
        output=options.output,
        film=options.output is not None and cases <= _FILMED_CASES,
        config=config,
        seed=options.seed,
    )


def _cases(options: argparse.Namespace, topics: TopicMap, duration_ns: int) -> list[Case]:
    """Return the nominal case, then that of --fault, then the campaign's."""
    sensors = topics.sensors
    cases = [nominal_case(sensors)]
    if options.fault:
        cases.append(fault_case(sensors, [parse_fault(text) for text in options.fault]))
    subsets = subset_cases(sensors, options.subsets) if options.subsets else []
    cases += subsets
    if options.faults:
        within = [one.sensors for one in subsets if one.sensors != cases[0].sensors]
        cases += library_cases(sensors, options.faults, duration_ns, within)
    if options.scenarios is not None:
        cases += scenario_cases(options.scenarios, sensors)
    names = {case.name: case for case in cases}
    return list(names.values())


def _run_jobs(
    options: argparse.Namespace, settings: ReplaySettings, cases: Sequence[Case]
) -> list[JobResult]:
    if options.workers < 1:
        raise ConfigurationError(f"--workers {options.workers}", "1 or more", "correct it")
    plan = plan_jobs(cases, options.workers)
    if len(plan) == 1 and options.cluster is None:
        return [run_job(settings, plan[0])]
    if options.cluster is not None:
        executor = lambda: dask_cluster(options.cluster)  # noqa: E731 - one of two ways
    else:
        executor = lambda: local_processes(options.workers)  # noqa: E731 - as above
    done: dict[int, JobResult] = {}
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("replaying", total=len(plan))
        for index, result in run_campaign(settings, plan, executor):
            done[index] = result
            progress.advance(task)
    return [done[index] for index in range(len(plan))]


def _print(figures: dict[str, Any]) -> None:
    table = Table(
        Column("case", overflow="fold"),
        "mIoU",
        "noticed after ms",
        "back after ms",
        "as nominal %",
        "masks",
        "masks %",
    )
    most = max(len(case["sensors"]) for case in figures["cases"])
    told = [case for case in figures["cases"] if len(case["sensors"]) == most or not case["faults"]]
    for case in told:
        table.add_row(
            case["name"],
            _percent(case["miou"]),
            _delays(case["faults"], "detection_delay_ms", "[red]never[/]"),
            _delays(case["faults"], "recovery_ms", "-"),
            _percent(case["agreement"]),
            str(case["masks"]),
            _percent(case["availability"]),
        )
    console = Console()
    console.print(table)
    if len(told) < len(figures["cases"]):
        untold = len(figures["cases"]) - len(told)
        console.print(f"and {untold} cases of faults with fewer sensors: see --json, --output")
    for problem in figures["problems"]:
        console.print(f"[yellow]{problem}[/]")
    machine = figures["machine"]
    if not figures["trained"]:
        console.print("random weights: the masks mean nothing")
    console.print(
        f"{machine['runtime']}: {machine['times_real_time']:.2f} x real time; the network took "
        f"{machine['network_s']:.1f} s of {machine['total_s']:.1f} s"
    )
    console.print(f"masks_sha256 {figures['masks_sha256']}")


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _delays(faults: Sequence[dict[str, Any]], key: str, never: str) -> str:
    """Return a line for each of a case's faults, in their order."""
    return "\n".join(never if fault[key] is None else f"{fault[key]:.0f}" for fault in faults)


def _pair(text: str) -> tuple[str, str]:
    role, separator, topic = text.partition("=")
    if not separator:
        raise ConfigurationError(
            f"--topic {text}", "ROLE=TOPIC", "write it like --topic rgb=/camera/image_raw"
        )
    return role, topic


def _size(option: str, text: str) -> tuple[int, int]:
    size = parse_size(text)
    if size is None:
        raise ConfigurationError(f"{option} {text}", "WxH, as 512x256", "correct it")
    return size


COMMAND = Command(
    name="replay",
    summary="Replay a bag with faults put in, and report what the masks were worth.",
    add_arguments=_add_arguments,
    run=_run,
)
