# ruff: noqa: INP001 - the scripts are no package
"""Draw docs/images/scenarios.png: what the network made of each failure in config/scenarios.yaml.

Run from the repository's root, with matplotlib: ``python scripts/draw_scenarios.py``. It makes the
drive that the scenarios are told for and replays them on it, as these two do:

    anyseg simulate --bag drive --seconds 10 --seed 5
    anyseg replay drive --scenarios config/scenarios.yaml --output scenarios
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch

from anyseg_core.recording import STORAGES, write_bag
from anyseg_core.replay import (
    Bag,
    ReplaySettings,
    find_topics,
    nominal_case,
    run_job,
    scenario_cases,
)
from anyseg_core.replay.timeline import miou
from anyseg_core.runtime import BACKENDS
from anyseg_core.simulation import RigConfig
from anyseg_core.types import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyseg_core.classes import ClassSet
    from anyseg_core.replay.run import CaseResult
    from anyseg_core.replay.timeline import SensorMoment
    from anyseg_core.segmentation import Segmentation
    from anyseg_core.simulation.faults import Fault
    from anyseg_core.types import UInt8Array

ROOT = Path(__file__).parents[1]
SIDE, SECONDS, SEED = 256, 10, 5
SHOWN = 6
SMOOTHED_OVER = 5
GREEN, AMBER, RED, GREY, BLUE = "#3f9d54", "#f0a830", "#d63939", "#9a9a9a", "#1f5fa8"


class Film:
    """Keeps what the camera delivered for each mask of a case, if anything, and the mask."""

    def __init__(self) -> None:
        self.frames: list[tuple[UInt8Array | None, UInt8Array]] = []

    def take(self, result: Segmentation) -> None:
        """Keep one mask."""
        self.frames.append((result.rgb_image, result.labels))


@dataclass(frozen=True, slots=True)
class Panel:
    """One case: its figures frame by frame, and its pictures in the same order."""

    result: CaseResult
    film: Film

    def at(self, t_s: float) -> int:
        """Return the frame nearest to an instant."""
        rows = self.result.rows
        return min(range(len(rows)), key=lambda i: abs(rows[i].t_ns - t_s * NS_PER_S))


def replay_scenarios(drive: Path, scenarios: Path, backend: str) -> tuple[list[Panel], ClassSet]:
    """Replay the drive as it is, then with each failure, in one pass over it."""
    with Bag(drive) as bag:
        sensors = find_topics(bag, {}).sensors
    cases = (nominal_case(sensors), *scenario_cases(scenarios, sensors))
    films = {case.name: Film() for case in cases}
    done = run_job(ReplaySettings(bag=drive, backend=backend), cases, films)
    panels = [Panel(result, films[result.case.name]) for result in done.results]
    return panels, done.card.classes


def draw(panels: Sequence[Panel], classes: ClassSet, picture: Path) -> None:
    """Draw a block for each scenario: camera and mask at six instants, then all of its seconds."""
    nominal, *scenarios = panels
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.02)
    figure = plt.figure(figsize=(10, 5.2 * len(scenarios)), layout=layout)
    blocks = figure.subfigures(len(scenarios), 1, squeeze=False)[:, 0]
    for block, panel in zip(blocks, scenarios, strict=True):
        _draw_title(block, panel.result)
        grid = block.add_gridspec(4, SHOWN, height_ratios=(5, 5, 1.7, 2.6))
        for column in range(SHOWN):
            index = panel.at((column + 0.5) * SECONDS / SHOWN)
            top, below = (block.add_subplot(grid[row, column]) for row in (0, 1))
            _draw_instant(top, below, panel, index, classes)
        lanes = block.add_subplot(grid[2, :])
        _draw_lanes(lanes, panel.result)
        _draw_scores(block.add_subplot(grid[3, :], sharex=lanes), panel, nominal, len(classes))
    meanings = {GREEN: "used", AMBER: "used, in doubt", RED: "left out", "white": "a fault's time"}
    figure.legend(
        [Patch(fc=fill, ec="black" if fill == "white" else fill) for fill in meanings],
        meanings.values(), loc="outside lower center", ncols=4, frameon=False,
    )  # fmt: skip
    figure.savefig(picture, dpi=100)
    plt.close(figure)


def _draw_title(block: Any, result: CaseResult) -> None:  # noqa: ANN401 - matplotlib's own, as below
    faults = ", ".join(f"{one.sensor} {one.kind} {_span(one)}" for one in result.case.faults)
    block.suptitle(
        f"{result.case.name}: {faults}".replace("_", " "), x=0.012, ha="left", fontsize=12
    )


def _span(fault: Fault) -> str:
    end_ns = SECONDS * NS_PER_S if fault.end_ns is None else fault.end_ns
    return f"{fault.start_ns / NS_PER_S:g}-{end_ns / NS_PER_S:g} s"


def _draw_instant(top: Any, below: Any, panel: Panel, index: int, classes: ClassSet) -> None:  # noqa: ANN401 - as above
    camera, labels = panel.film.frames[index]
    row = panel.result.rows[index]
    if camera is None:
        camera = np.full((*labels.shape, 3), 238, np.uint8)
        top.text(0.5, 0.5, "no image", transform=top.transAxes, ha="center", va="center")
    top.imshow(camera)
    top.set_title(f"{row.t_ns / NS_PER_S:.1f} s", fontsize=9, pad=2)
    below.imshow(classes.palette()[labels])
    faulty = any(one.active(row.t_ns) for one in panel.result.case.faults)
    for axes in (top, below):
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(color=RED if faulty else GREEN, linewidth=2)


def _draw_lanes(axes: Any, result: CaseResult) -> None:  # noqa: ANN401 - as above
    """Draw a lane per sensor: used or left out, and a box around the time of each fault."""
    rows, names = result.rows, list(result.rows[0].sensors)
    starts = [row.t_ns / NS_PER_S for row in rows]
    widths = np.diff([*starts, SECONDS])
    for lane, name in enumerate(names):
        moments = [row.sensors[name] for row in rows]
        colours = [_colour(moment) for moment in moments]
        axes.broken_barh(
            list(zip(starts, widths, strict=True)), (lane - 0.4, 0.8), facecolors=colours
        )
    for fault in result.case.faults:
        start_s, end_s = (_seconds(fault, end) for end in (False, True))
        lane = names.index(fault.sensor)
        axes.broken_barh(
            [(start_s, end_s - start_s)], (lane - 0.47, 0.94), facecolors="none",
            edgecolors="black", linewidth=1.6,
        )  # fmt: skip
    axes.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.45, -0.55))
    axes.tick_params(labelsize=8, length=0, labelbottom=False)


def _colour(moment: SensorMoment) -> str:
    if not moment.used:
        return RED
    return AMBER if moment.suspected else GREEN


def _seconds(fault: Fault, end: bool) -> float:  # noqa: FBT001 - one of two ends
    if not end:
        return fault.start_ns / NS_PER_S
    return SECONDS if fault.end_ns is None else fault.end_ns / NS_PER_S


def _draw_scores(axes: Any, panel: Panel, nominal: Panel, num_classes: int) -> None:  # noqa: ANN401 - as above
    """Draw the mIoU over time, of some frames together, beside that of the whole recording."""
    for one, colour, label in ((nominal, GREY, "no fault"), (panel, BLUE, "with faults")):
        rows = one.result.rows
        windows = [rows[max(0, i - SMOOTHED_OVER + 1) : i + 1] for i in range(len(rows))]
        scores = [100 * miou(window, num_classes) for window in windows]
        axes.plot([row.t_ns / NS_PER_S for row in rows], scores, color=colour, label=label)
    for fault in panel.result.case.faults:
        axes.axvspan(*(_seconds(fault, end) for end in (False, True)), color=RED, alpha=0.08)
    axes.set(xlim=(0, SECONDS), ylim=(0, None), ylabel="mIoU, %")
    axes.set_xlabel("seconds", labelpad=1)
    axes.tick_params(labelsize=8)
    axes.legend(loc="lower left", fontsize=8, frameon=False, ncols=2)


def main() -> None:
    """Make the drive, replay it and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drive", type=Path, metavar="BAG", help="of 10 s (default: made anew)")
    parser.add_argument(
        "--scenarios", type=Path, default=ROOT / "config" / "scenarios.yaml", metavar="FILE"
    )
    parser.add_argument("--backend", choices=BACKENDS, default="auto")
    parser.add_argument(
        "--output", type=Path, default=ROOT / "docs" / "images" / "scenarios.png", metavar="FILE"
    )
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        drive = options.drive or Path(folder) / "drive"
        if options.drive is None:
            rig = RigConfig(seed=SEED, width=SIDE, height=SIDE)
            for _ in write_bag(drive, rig, SECONDS, STORAGES[0]):
                pass
        draw(*replay_scenarios(drive, options.scenarios, options.backend), options.output)


if __name__ == "__main__":
    main()
