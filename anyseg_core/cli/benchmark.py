"""``anyseg benchmark``: figures of this machine, beside other ways to do the same work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import track
from rich.table import Table

from anyseg_core.benchmark import Row, describe_machine, front_end_cases, measure
from anyseg_core.cli.command import Command
from anyseg_core.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse

PARTS = {"front-end": front_end_cases}
CASES = {"front-end": 6}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the benchmark's options."""
    parser.add_argument("part", choices=PARTS, help="what to measure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument(
        "--rounds", type=int, default=20, metavar="N", help="runs of each (default: %(default)s)"
    )
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        metavar="S",
        help="part of the full sizes, up to 1, for a quick look (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> int:
    """Measure one part; see ``add_arguments``."""
    if options.rounds < 1 or not 0.0 < options.scale <= 1.0:
        raise ConfigurationError(
            f"--rounds {options.rounds}, --scale {options.scale}",
            "at least 1 round, and a scale above 0 and up to 1",
            "correct these two",
        )
    console = Console()
    cases = PARTS[options.part](options.scale)
    rows: list[Row] = []
    for case in track(cases, "measuring", total=CASES[options.part], console=console):
        rows += measure(case, options.rounds)
    machine = describe_machine()
    console.print(_table(rows))
    console.print(f"{machine['processor']}, {machine['cores']} cores, load {machine['load']}")
    if options.json is not None:
        figures = {
            "benchmark": options.part,
            "unit": "ms",
            "rounds": options.rounds,
            "scale": options.scale,
            "rows": [row.as_json() for row in rows],
            "machine": machine,
        }
        _write(options.json, figures)
    return 0


def _table(rows: list[Row]) -> Table:
    table = Table("work", "median ms", "min", "max", "M/s", "peer", "peer ms", "ratio", "wanted")
    for row in rows:
        mark = {None: "", True: "[green]reached[/]", False: "[red]missed[/]"}[row.met]
        table.add_row(
            row.name,
            f"{row.median:.2f}",
            f"{row.min:.2f}",
            f"{row.max:.2f}",
            "" if row.rate is None else f"{row.rate / 1e6:.1f}",
            row.peer or "",
            "" if row.peer_min is None else f"{row.peer_min:.2f}",
            "" if row.ratio is None else f"{row.ratio:.2f}",
            f"{row.wanted} {mark}",
        )
    return table


def _write(path: Path, figures: dict[str, object]) -> None:
    try:
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"--json {path}: {error.strerror}", "a file that can be written", "choose another path"
        ) from None


COMMAND = Command("benchmark", "measure speed beside other ways to do it", add_arguments, run)
