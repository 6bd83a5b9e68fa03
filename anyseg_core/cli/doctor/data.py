"""``anyseg doctor --data``: reads every file of a data set before a night of training."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from anyseg_core.cli.output import write_json
from anyseg_core.data.inspection import SplitReport, inspect_sample
from anyseg_core.data.opening import AUTO, LAYOUTS, check_modalities, list_split, open_layout
from anyseg_core.errors import ConfigurationError
from anyseg_core.processes import local_processes, usable_cores

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from anyseg_core.data.file_dataset import FileDataset, Listing
    from anyseg_core.data.inspection import SampleReport

EXIT_BAD_FILES = 2
SHOWN_FILES = 20
WORTH_PROCESSES = 64
"""Samples; fewer are read sooner than other processes start."""

_CHUNK = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that go with ``--data``."""
    group = parser.add_argument_group("with --data")
    group.add_argument(
        "--layout",
        default=AUTO,
        metavar="NAME",
        help=f"{', '.join(LAYOUTS)}, or a YAML file that describes own data (default: %(default)s)",
    )
    group.add_argument(
        "--split", action="append", metavar="NAME", help="only this one; may be given again"
    )
    group.add_argument(
        "--modalities", metavar="A,B", help="only these (default: all that the set has)"
    )
    group.add_argument(
        "--workers", type=int, metavar="N", help="processes (default: one for each core)"
    )
    group.add_argument("--json", type=Path, metavar="FILE", help="also write the findings there")


def run(options: argparse.Namespace) -> int:
    """Read everything, tell what is there and what is bad; see ``add_arguments``.

    Returns:
        0, or 2 where a file is missing or bad.
    """
    workers = options.workers if options.workers is not None else usable_cores()
    if workers < 1:
        raise ConfigurationError(f"--workers {workers}", "at least 1", "correct the number")
    layout = open_layout(options.data, options.layout)
    asked = None if options.modalities is None else tuple(options.modalities.split(","))
    modalities = check_modalities(layout, asked)
    splits = tuple(options.split or layout.splits())
    listings = {split: list_split(layout, split, modalities) for split in splits}
    console = Console()
    reports = _read_all(listings, workers, console)
    for split, report in reports.items():
        _show(split, report, console)
    if options.json is not None:
        _write(options, modalities, reports)
    bad = sum(len(report.bad) for report in reports.values())
    if bad:
        print(f"anyseg: {bad} bad or missing files in {options.data}", file=sys.stderr)
        return EXIT_BAD_FILES
    console.print(f"every file of {', '.join(splits)} can be used")
    return 0


def _read_all(
    listings: dict[str, Listing], workers: int, console: Console
) -> dict[str, SplitReport]:
    total = sum(len(listing.dataset) for listing in listings.values())
    reports = {}
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("reading", total=total)
        for split, listing in listings.items():
            report = reports[split] = SplitReport.of(listing)
            for sample in _inspected(listing.dataset, workers if total >= WORTH_PROCESSES else 1):
                report.add(sample)
                progress.advance(task)
    return reports


def _inspected(dataset: FileDataset, workers: int) -> Iterator[SampleReport]:
    if workers == 1:
        yield from map(partial(inspect_sample, dataset), range(len(dataset)))
        return
    with local_processes(workers, partial(_start, dataset)) as pool:
        yield from pool.map(_inspect, range(len(dataset)), chunksize=_CHUNK)


class _Worker:
    """What one process keeps: the data set, sent once."""

    dataset: FileDataset


def _start(dataset: FileDataset) -> None:
    cv2.setNumThreads(1)
    _Worker.dataset = dataset


def _inspect(index: int) -> SampleReport:
    return inspect_sample(_Worker.dataset, index)


def _show(split: str, report: SplitReport, console: Console) -> None:
    console.print(f"[bold]{split}[/]: {report.samples} samples")
    for what, counts in (("conditions", report.conditions), ("failure cases", report.failures)):
        listed = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        console.print(f"  {what}: {listed or '-'}", soft_wrap=True)
    sizes = ", ".join(f"{w} x {h} ({count})" for (w, h), count in sorted(report.sizes.items()))
    console.print(f"  sizes: {sizes or '-'}", soft_wrap=True)
    console.print(_histogram(report))
    if report.absent_classes:
        absent = ", ".join(report.absent_classes)
        console.print(f"  classes that never occur: {absent}", soft_wrap=True, markup=False)
    for file in report.bad[:SHOWN_FILES]:
        console.print(f"  bad: {file.path}: {file.reason}", soft_wrap=True, markup=False)
    if len(report.bad) > SHOWN_FILES:
        console.print(f"  and {len(report.bad) - SHOWN_FILES} more (--json lists all)")


def _histogram(report: SplitReport) -> Table:
    table = Table("class", "pixels", "share")
    counts = [
        *zip(report.classes, report.pixels, strict=False), ("(ignored)", report.pixels[-1])
    ]  # fmt: skip
    total = max(int(report.pixels.sum()), 1)
    for name, count in counts:
        table.add_row(name, str(count), f"{100.0 * count / total:.3f} %")
    return table


def _write(
    options: argparse.Namespace, modalities: tuple[str, ...], reports: dict[str, SplitReport]
) -> None:
    findings = {
        "data": str(options.data),
        "layout": str(options.layout),
        "modalities": list(modalities),
        "bad_files": sum(len(report.bad) for report in reports.values()),
        "splits": {split: report.as_json() for split, report in reports.items()},
    }
    write_json("--json", options.json, findings)
