"""The table of detection: on the screen and as Markdown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import track
from rich.table import Table

from anyseg_core.benchmark.detection import (
    Detection,
    DetectionConfig,
    FaultRow,
    measure_detection,
    summarise,
)
from anyseg_core.errors import ConfigurationError
from anyseg_core.types import MODALITIES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

HEADINGS = ("sensor", "fault", "found by", "detected", "median ms", "max ms")


def fault_cells(row: FaultRow) -> tuple[str, ...]:
    """Return one fault's cells, in the order of ``HEADINGS``."""
    found_by = ", ".join(row.detectors) or "none"
    median, longest = (
        "" if delay is None else f"{delay:.0f}" for delay in (row.delay_median_ms, row.delay_max_ms)
    )
    return row.sensor, row.fault, found_by, f"{row.detected} of {row.runs}", median, longest


def fault_table(figures: Detection) -> Table:
    """Return the faults for the screen; green reaches the figure, red does not."""
    table = Table(*HEADINGS)
    for row in figures.faults:
        style = {None: "", True: "green", False: "red"}[row.met]
        table.add_row(*fault_cells(row), style=style)
    return table


def alarm_lines(figures: Detection) -> list[str]:
    """Return a line for each sensor: its false alarms in ten minutes, and whose they are."""
    lines = []
    for sensor in MODALITIES:
        of = [f"{r.detector} {r.count}" for r in figures.alarms if r.sensor == sensor and r.count]
        why = f" ({', '.join(of)})" if of else ""
        lines.append(
            f"{sensor}: {figures.alarms_of(sensor):.2f} false alarms in 10 minutes{why}, "
            f"of {figures.clean_minutes:.1f} minutes"
        )
    return lines


def as_markdown(figures: Detection) -> str:
    """Return the faults, then every detector with its false alarms, as Markdown tables."""
    config = figures.config
    faults = [_line(HEADINGS), _line("---" for _ in HEADINGS)]
    faults += [_line(fault_cells(row)) for row in figures.faults]
    heads = ("sensor", "detector", "false alarms", "in 10 minutes")
    alarms = [_line(heads), _line("---" for _ in heads)]
    alarms += [
        _line((row.sensor, row.detector, str(row.count), f"{row.per_ten_minutes:.2f}"))
        for row in figures.alarms
    ]
    clips = len(config.clips)
    note = (
        f"{config.runs} runs of each fault over {clips} clips of {config.seconds} s, cameras of "
        f"{config.size} x {config.size}; {figures.clean_minutes:.1f} minutes of clean stream of "
        f"each sensor. Seed {config.seed}."
    )
    return "\n".join([note, "", *faults, "", *alarms, "", *alarm_lines(figures), ""])


def run_detection(
    config: DetectionConfig,
    *,
    json_file: Path | None = None,
    markdown_file: Path | None = None,
    console: Console | None = None,
) -> int:
    """Run the benchmark, print its tables and write them.

    Args:
        config: what to run; with a ``folder``, clips rendered once are found there again.
        json_file: where to write all figures.
        markdown_file: where to write the tables.
        console: where to print.

    Returns:
        The exit code: 0, for a figure that is missed is shown, not an error.

    Raises:
        ConfigurationError: a file cannot be written.
    """
    console = Console() if console is None else console
    clips = len(config.clips)
    steps = track(measure_detection(config), "watching clips", total=clips, console=console)
    figures = summarise(config, steps)
    console.print(fault_table(figures))
    for line in alarm_lines(figures):
        console.print(line)
    if json_file is not None:
        text = json.dumps({"benchmark": "detection", **figures.as_json()}, indent=2)
        _write(json_file, text + "\n")
    if markdown_file is not None:
        _write(markdown_file, as_markdown(figures))
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{path}: {error.strerror}", "a file that can be written", "choose another path"
        ) from None


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
