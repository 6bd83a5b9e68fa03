"""``anyseg benchmark``: figures of this machine, beside other ways to do the same work."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from anyseg_core.benchmark.machine import describe_machine
from anyseg_core.benchmark.measure import Row, measure, rate_words
from anyseg_core.benchmark.plotting import pyplot
from anyseg_core.cli.command import Command
from anyseg_core.cli.output import write_json, write_text
from anyseg_core.errors import ConfigurationError
from anyseg_core.processes import usable_cores

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from anyseg_core.benchmark.measure import Case

_HEADINGS = ("work", "median ms", "min", "max", "rate", "peer", "peer ms", "ratio", "wanted")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the benchmark; its module is imported only when it is asked for.

    Attributes:
        summary: one line for the list of parts.
        module: under ``anyseg_core.benchmark``.
        cases: the module's function that gives the cases at a scale.
        rounds: how often each is run by default.
        count: how many cases there are, for the progress bar; None where it is not known.
        report: the module, under ``anyseg_core.benchmark``, of the next three.
        table: of ``report``, a function of the rows that gives more Markdown.
        plot: of ``report``, a function of the rows and a path that draws them.
        facts: of ``report``, a function of the rows that gives more for the JSON.
    """

    summary: str
    module: str
    cases: str
    rounds: int = 20
    count: int | None = None
    report: str = ""
    table: str = ""
    plot: str = ""
    facts: str = ""

    def generate(self, scale: float) -> Iterator[Case]:
        """Import the part and return its cases."""
        function: Callable[[float], Iterator[Case]] = self._load(self.module, self.cases)
        return function(scale)

    def more_markdown(self, rows: list[Row]) -> str:
        """Return the part's own tables; empty where it has none."""
        if not self.table:
            return ""
        function: Callable[[list[Row]], str] = self._load(self.report, self.table)
        return "\n" + function(rows)

    def more_json(self, rows: list[Row]) -> dict[str, object]:
        """Return the part's own figures; empty where it has none."""
        if not self.facts:
            return {}
        function: Callable[[list[Row]], dict[str, object]] = self._load(self.report, self.facts)
        return function(rows)

    def draw(self, rows: list[Row], path: Path) -> None:
        """Draw the part's plot."""
        function: Callable[[list[Row], Path], None] = self._load(self.report, self.plot)
        function(rows, path)

    def _load(self, module: str, name: str) -> Any:  # noqa: ANN401 - a function of that module
        return getattr(import_module(f"anyseg_core.benchmark.{module}"), name)


PARTS = {
    "front-end": Part("from messages to tensors", "front_end", "front_end_cases", count=6),
    "models": Part(
        "the networks, for every subset of sensors",
        "models",
        "models_cases",
        rounds=3,
        report="models_report",
        table="fusion_table",
        plot="plot_models",
    ),
    "runtime": Part(
        "the runtimes: time, parity, warm-up, kept features",
        "runtime",
        "runtime_cases",
        rounds=5,
        report="runtime_report",
        table="runtime_table",
        plot="plot_runtime",
        facts="runtime_facts",
    ),
    "sync": Part("matching readings in time", "sync", "sync_cases", count=18),
    "simulator": Part("rendering the simulated rig", "simulator", "simulator_cases"),
}
DETECTION = "detection"
"""The part that counts faults noticed rather than time, with tables of its own."""


PART_GROUP = "anyseg.benchmarks"
"""Entry points of this group are parts, each a ``Command``, that other packages bring."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the parts, each with its options."""
    parts = parser.add_subparsers(title="what to measure", required=True, metavar="PART")
    own = {name: part.summary for name, part in PARTS.items() if _is_there(part)}
    for name, summary in (own | {DETECTION: "how surely faults are noticed"}).items():
        part = parts.add_parser(name, help=summary, description=summary)
        _add_options(part)
        part.set_defaults(part=name, measure=_run_own)
    for entry in entry_points(group=PART_GROUP):
        command: Command = entry.load()
        part = parts.add_parser(command.name, help=command.summary, description=command.summary)
        command.add_arguments(part)
        part.set_defaults(measure=command.run)


def run(options: argparse.Namespace) -> int:
    """Measure one part; see ``add_arguments``."""
    return int(options.measure(options))


def _add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options that our own parts share."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also write the tables as Markdown"
    )
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="also draw the figures (models, runtime)"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        metavar="N",
        help="runs of each (default: 20; models: 3; runtime: 5; detection: 100)",
    )
    parser.add_argument(
        "--clips", type=Path, metavar="DIR", help="keep rendered clips there (detection alone)"
    )
    parser.add_argument(
        "--jobs", type=int, metavar="N", help="processes (detection alone; default: all cores)"
    )
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        metavar="S",
        help="part of the full sizes, up to 1, for a quick look (default: %(default)s)",
    )


def _run_own(options: argparse.Namespace) -> int:
    if options.part == DETECTION:
        return _run_detection(options)
    part = PARTS[options.part]
    rounds = part.rounds if options.rounds is None else options.rounds
    if options.clips is not None or options.jobs is not None:
        raise ConfigurationError(
            f"--clips or --jobs for {options.part}", "these for detection", "leave them out"
        )
    _check(options, part, rounds)
    console = Console()
    rows: list[Row] = []
    cases = part.generate(options.scale)
    for case in track(cases, "measuring", total=part.count, console=console):
        rows += measure(case, rounds)
    machine = describe_machine()
    console.print(_table(rows))
    console.print(_machine_line(machine))
    with console.status("writing the report: some of it is measured now"):
        _write_report(options, part, rows, rounds, machine)
    return 0


def _write_report(
    options: argparse.Namespace,
    part: Part,
    rows: list[Row],
    rounds: int,
    machine: dict[str, object],
) -> None:
    if options.json is not None:
        figures = {
            "benchmark": options.part,
            "unit": "ms",
            "rounds": rounds,
            "scale": options.scale,
            "rows": [row.as_json() for row in rows],
            **part.more_json(rows),
            "machine": machine,
        }
        write_json("--json", options.json, figures)
    if options.markdown is not None:
        on = _machine_line(machine)
        text = f"{_markdown(rows)}{part.more_markdown(rows)}\n{on}\n"
        write_text("--markdown", options.markdown, text)
    if options.plot is not None:
        part.draw(rows, options.plot)


def _machine_line(machine: dict[str, object]) -> str:
    return f"{machine['processor']}, {machine['cores']} cores, load {machine['load']}"


def _run_detection(options: argparse.Namespace) -> int:
    if options.plot is not None or options.scale != 1.0:
        raise ConfigurationError(
            "--plot or --scale for detection",
            "--rounds, --clips, --jobs, --json, --markdown",
            "leave it out",
        )
    detection = import_module("anyseg_core.benchmark.detection")
    report = import_module("anyseg_core.benchmark.detection_report")
    config = detection.DetectionConfig(
        **({} if options.rounds is None else {"runs": options.rounds}),
        folder=options.clips,
        jobs=usable_cores() if options.jobs is None else options.jobs,
    )
    return int(report.run_detection(config, json_file=options.json, markdown_file=options.markdown))


def _is_there(part: Part) -> bool:
    return find_spec(f"anyseg_core.benchmark.{part.module}") is not None


def _check(options: argparse.Namespace, part: Part, rounds: int) -> None:
    if rounds < 1 or not 0.0 < options.scale <= 1.0:
        raise ConfigurationError(
            f"--rounds {rounds}, --scale {options.scale}",
            "at least 1 round, and a scale above 0 and up to 1",
            "correct these two",
        )
    if options.plot is not None and not part.plot:
        drawn = ", ".join(name for name, each in PARTS.items() if each.plot)
        raise ConfigurationError(f"--plot for {options.part}", f"{drawn} alone", "leave it out")
    if options.plot is not None:
        pyplot()  # where it is missing, that is to show now, not after minutes of measuring


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.name,
        f"{row.median:.2f}",
        f"{row.min:.2f}",
        f"{row.max:.2f}",
        "" if row.rate is None else rate_words(row.rate),
        row.peer or "",
        "" if row.peer_min is None else f"{row.peer_min:.2f}",
        "" if row.ratio is None else f"{row.ratio:.2f}",
    )


def _table(rows: list[Row]) -> Table:
    table = Table(*_HEADINGS)
    for row in rows:
        mark = {None: "", True: "[green]reached[/]", False: "[red]missed[/]"}[row.met]
        table.add_row(*_cells(row), f"{row.wanted} {mark}")
    return table


def _markdown(rows: list[Row]) -> str:
    lines = [_HEADINGS, ("---",) * len(_HEADINGS)]
    for row in rows:
        mark = {None: "", True: " reached", False: " **missed**"}[row.met]
        lines.append((*_cells(row), row.wanted + mark))
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


COMMAND = Command("benchmark", "measure speed beside other ways to do it", add_arguments, run)
