"""The report of a replay: one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anyseg_core.html_page import render_page
from anyseg_core.replay.fault_tables import fault_tables
from anyseg_core.replay.pictures import write_film
from anyseg_core.replay.timeline import finite_or_none
from anyseg_core.types import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from anyseg_core.replay.run import CaseResult
    from anyseg_core.replay.timeline import FrameRow

REPORT = "report.html"
_TEMPLATE = "report.html.j2"
_WORST = 6
_MOST_POINTS = 400


@dataclass(frozen=True, slots=True)
class Chart:
    """One case, drawn over time: what was used, how good it was, where the faults lie.

    Attributes:
        name: of the case.
        points: x and y of the mIoU line, 0..100 each, as SVG has it; empty without truth.
        lanes: per sensor, the spans in which it was used: start and width, 0..100.
        faults: label, start and width, 0..100.
    """

    name: str
    points: str
    lanes: Mapping[str, list[tuple[float, float]]]
    faults: list[tuple[str, float, float]]


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame of the report: its caption and its content as a data URI."""

    caption: str
    uri: str


def write_report(
    output: Path,
    figures: Mapping[str, Any],
    results: Sequence[CaseResult],
    num_classes: int,
    duration_s: float,
) -> Path:
    """Write ``report.html``, and a film of each case of which there are pictures.

    Args:
        output: the folder that holds ``frames`` of the cases.
        figures: what ``anyseg replay --json`` writes.
        results: of the cases to draw.
        num_classes: of the network.
        duration_s: of the recording.

    Returns:
        The report's path.

    Raises:
        MissingDependencyError: jinja2 is not installed.
    """
    films = {}
    worst: dict[str, list[Picture]] = {}
    for result in results:
        folder = output / "frames" / result.case.name
        if result.rows and folder.is_dir():
            film = output / f"{result.case.name}.gif"
            write_film(folder, film, _frame_ms(result.rows))
            films[result.case.name] = film.name
            worst[result.case.name] = _worst(result.rows, folder)
    page = render_page(
        "anyseg_core.replay",
        _TEMPLATE,
        f=figures,
        tables=fault_tables(figures["cases"]),
        charts=[_chart(result, duration_s) for result in results if result.rows],
        films=films,
        worst=worst,
        duration_s=duration_s,
        num_classes=num_classes,
    )
    path = output / REPORT
    path.write_text(page, encoding="utf-8")
    return path


def _chart(result: CaseResult, duration_s: float) -> Chart:
    rows = result.rows
    scale = 100.0 / (duration_s * NS_PER_S)
    faults = [
        (
            f"{fault.sensor} {fault.kind}",
            fault.start_ns * scale,
            ((fault.end_ns or duration_s * NS_PER_S) - fault.start_ns) * scale,
        )
        for fault in result.case.faults
    ]
    lanes = {sensor: _lane(rows, sensor, scale) for sensor in rows[0].sensors}
    return Chart(result.case.name, _line(rows, scale), lanes, faults)


def _line(rows: Sequence[FrameRow], scale: float) -> str:
    """Return the mIoU over time as SVG points, thinned where there are many."""
    scored = [row for row in rows if row.matrix is not None]
    step = max(1, len(scored) // _MOST_POINTS)
    points = []
    for row in scored[::step]:
        assert row.matrix is not None
        score = finite_or_none(row.matrix.scores().miou_present)
        if score is not None:
            points.append(f"{row.t_ns * scale:.2f},{100 - 100 * score:.1f}")
    return " ".join(points)


def _lane(rows: Sequence[FrameRow], sensor: str, scale: float) -> list[tuple[float, float]]:
    """Return where a sensor was used: each frame counts until the next one."""
    spans: list[tuple[float, float]] = []
    ends = [row.t_ns for row in rows[1:]] + [rows[-1].t_ns + 1]
    begun: int | None = None
    for row, end_ns in zip(rows, ends, strict=True):
        used = row.sensors[sensor].used
        if used and begun is None:
            begun = row.t_ns
        if begun is not None and (not used or end_ns == ends[-1]):
            until = end_ns if used else row.t_ns
            spans.append((begun * scale, (until - begun) * scale))
            begun = None
    return spans


def _worst(rows: Sequence[FrameRow], folder: Path) -> list[Picture]:
    """Return the frames with the lowest mIoU, or, without truth, those that used the fewest."""

    def badness(row: FrameRow) -> tuple[float, int]:
        score = 1.0 if row.matrix is None else row.matrix.scores().miou_present
        return (score, sum(one.used for one in row.sensors.values()))

    chosen = sorted(sorted(rows, key=badness)[:_WORST], key=lambda row: row.t_ns)
    pictures = []
    for row in chosen:
        content = base64.b64encode((folder / f"{row.stamp_ns}.jpg").read_bytes()).decode()
        score = None if row.matrix is None else finite_or_none(row.matrix.scores().miou_present)
        scored = "" if score is None else f", mIoU {100 * score:.1f}"
        caption = f"{row.t_ns / NS_PER_S:.2f} s, used {row.letters}{scored}"
        pictures.append(Picture(caption, f"data:image/jpeg;base64,{content}"))
    return pictures


def _frame_ms(rows: Sequence[FrameRow]) -> int:
    """Return the mean time between frames: the film runs as fast as the recording did."""
    if len(rows) < 2:
        return 100
    return max(20, round((rows[-1].t_ns - rows[0].t_ns) / (len(rows) - 1) / NS_PER_MS))
