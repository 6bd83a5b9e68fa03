"""What ``runtime_cases`` leaves to say beside times: parity, failures, warm-up, kept features."""

from __future__ import annotations

import math
import re
from functools import cache, partial
from hashlib import sha256
from itertools import count
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from anyseg_core.benchmark.plotting import pyplot
from anyseg_core.benchmark.runtime import DEFAULT, EAGER_NAME, SMALL
from anyseg_core.benchmark.runtimes import (
    EAGER,
    INT8,
    OTHERS,
    Runtime,
    load,
    parity,
    probe,
    usable,
    warm_up,
)
from anyseg_core.runtime.graph_source import subsets_to_warm
from anyseg_core.runtime.parity import SUFFICIENT
from anyseg_core.runtime.quantisation import SUFFICIENT as SUFFICIENT_INT8
from anyseg_core.runtime.warming import least_seconds
from anyseg_core.types import MODALITIES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from anyseg_core.benchmark.measure import Row

_MIB = 2**20
_ROUNDS = 5
_PERIOD = 3  # frames at 30 Hz for one of the LiDAR at 10 Hz
LEAST_FALL = 0.55
"""By how much the time of the LiDAR branch is to fall when its features are used again."""

MOST_OVER_MEDIAN = 2.0
"""By how much a frame may exceed the stream's median while sensors fail and come back."""

_FRAMES = 15
_PRESENT = (MODALITIES, MODALITIES[1:], MODALITIES[1:3], MODALITIES)
"""Who is there, ``_FRAMES`` frames each: RGB fails, then LiDAR, then both are back."""


class Place(NamedTuple):
    """What a row is about."""

    runtime: str
    encoder: str
    modalities: int
    side: int


def place(row: Row) -> Place:
    """Read a row's name back."""
    found = re.fullmatch(r"(.+), (\w+), ([RDEL]+), (\d+) x \d+", row.name)
    assert found is not None
    return Place(found[1], found[2], len(found[3]), int(found[4]))


def runtime_facts(rows: Sequence[Row]) -> dict[str, object]:
    """Return what belongs beside the rows, as JSON takes it.

    Args:
        rows: of ``runtime_cases``.

    Returns:
        A hash of the inputs and, by runtime and size: the share of labels equal to eager
        PyTorch's for each subset, and seconds of a stream in which sensors fail, both of the
        package's own network; seconds and bytes of the warm-up, and the LiDAR branch.
    """
    sides = sorted({place(row).side for row in rows})
    runtimes = [runtime for runtime in OTHERS if usable(SMALL, runtime)]
    digest = sha256()
    for network in (SMALL, DEFAULT):
        for side in sides:
            for name in MODALITIES:
                digest.update(probe(network, side).tensors[name].tobytes())
    return {
        "data_sha256": digest.hexdigest(),
        "data": "made-up images of soft patches, a simulated street for the package's own network",
        "labels_equal": {
            str(runtime): {"+".join(subset): share for subset, share in _shares(runtime, sides[0])}
            for runtime in runtimes
        },
        "sensors_fail_seconds": {
            str(runtime): sensors_fail(runtime, sides[0]) for runtime in (EAGER, *runtimes)
        },
        "warm_up": {
            f"{runtime}, {side} x {side}": {
                "seconds": warm_up(SMALL, runtime, side).seconds,
                "memory_bytes": warm_up(SMALL, runtime, side).memory_bytes,
            }
            for runtime in (EAGER, *runtimes)
            for side in sides
        },
        "lidar_branch_seconds": {
            f"{runtime}, {side} x {side}": lidar_branch(runtime, side)
            for runtime in (EAGER, *runtimes)
            for side in sides
        },
    }


def runtime_table(rows: Sequence[Row]) -> str:
    """Return Markdown tables of what is in ``runtime_facts``."""
    sides = sorted({place(row).side for row in rows})
    runtimes = [runtime for runtime in OTHERS if usable(SMALL, runtime)]
    subsets = 2 ** len(MODALITIES) - 1
    lines = [
        f"| default network in | labels equal, least of {subsets} subsets | wanted |",
        "|---|---|---|",
    ]
    for runtime in runtimes:
        least = min(share for _, share in _shares(runtime, sides[0]))
        wanted = SUFFICIENT_INT8 if runtime.precision == INT8 else SUFFICIENT
        lines.append(
            f"| {runtime} | {100 * least:.3f} % | {100 * wanted:g} % {_mark(met=least >= wanted)} |"
        )
    lines += [
        "",
        "| default network in | sensors fail in flight: median | slowest | over | wanted |",
        "|---|---|---|---|---|",
    ]
    for runtime in (EAGER, *runtimes):
        stream = sensors_fail(runtime, sides[0])
        met = stream["over"] <= MOST_OVER_MEDIAN
        lines.append(
            f"| {runtime} | {1e3 * stream['median']:.1f} ms | {1e3 * stream['slowest']:.1f} ms "
            f"| {stream['over']:.2f} | at most {MOST_OVER_MEDIAN:g} {_mark(met=met)} |"
        )
    lines += [
        "",
        "| runtime | image | warm-up s | MiB | LiDAR branch, new each frame | kept | falls by |",
        "|---|---|---|---|---|---|---|",
    ]
    for runtime in (EAGER, *runtimes):
        for side in sides:
            taken, branch = warm_up(SMALL, runtime, side), lidar_branch(runtime, side)
            memory = "" if taken.memory_bytes is None else f"{taken.memory_bytes / _MIB:.0f}"
            lines.append(
                f"| {runtime} | {side} x {side} | {taken.seconds:.1f} | {memory} "
                f"| {1e3 * branch['encoded']:.1f} ms | {1e3 * branch['kept']:.1f} ms "
                f"| {100 * branch['fall']:.0f} % {_mark(met=branch['fall'] >= LEAST_FALL)} |"
            )
    return "\n".join(lines) + "\n"


@cache
def sensors_fail(runtime: Runtime, side: int) -> dict[str, float]:
    """Return times of the default network's frames while sensors fail and come back.

    Returns:
        Seconds of the ``median`` and the ``slowest`` frame, and ``over``, how many times the
        first the second is; of ``_ROUNDS`` streams the one where that is least, as whatever else
        the machine does only adds to it.
    """
    warm_up(DEFAULT, runtime, side)
    segmenter = load(DEFAULT, runtime)
    tensors = probe(DEFAULT, side).tensors
    found = []
    for _ in range(_ROUNDS):
        seconds = []
        for present in _PRESENT:
            shown = {name: tensors[name] for name in present}
            frame = partial(segmenter.segment, shown)
            seconds += [least_seconds(frame, 1) for _ in range(_FRAMES)]
        found.append((max(seconds) / median(seconds), median(seconds), max(seconds)))
    over, middle, slowest = min(found)
    return {"median": middle, "slowest": slowest, "over": over}


@cache
def lidar_branch(runtime: Runtime, side: int) -> dict[str, float]:
    """Return the time of the LiDAR branch per frame at 30 Hz, the LiDAR at 10 Hz.

    That is what three frames of LiDAR alone take beyond three whose features are all there, so
    fusion and labels are left out.

    Returns:
        Seconds ``encoded`` anew in each frame and ``kept``, and ``fall``, 1 - kept / encoded.
    """
    warm_up(SMALL, runtime, side)
    segmenter = load(SMALL, runtime)
    tensors = {"lidar": probe(SMALL, side).tensors["lidar"]}
    readings = count()

    def frames(new: int) -> None:
        reading = next(readings)
        segmenter.segment(tensors, {"lidar": reading})
        for _ in range(new):
            reading = next(readings)
            segmenter.segment(tensors, {"lidar": reading})
        for _ in range(_PERIOD - new):
            segmenter.segment(tensors, {"lidar": reading})

    # Each run begins with one frame more, whose features the later ones use again.
    taken = dict.fromkeys((0, 1, _PERIOD), math.inf)
    for _ in range(_ROUNDS):
        for new, least in taken.items():
            taken[new] = min(least, least_seconds(partial(frames, new), 1))
    encoded, kept = ((taken[new] - taken[0]) / _PERIOD for new in (_PERIOD, 1))
    return {"encoded": encoded, "kept": kept, "fall": 1.0 - kept / encoded}


def plot_runtime(rows: Sequence[Row], path: Path) -> None:
    """Draw time per frame by modalities for each runtime, one panel per size.

    Args:
        rows: of ``runtime_cases``.
        path: a file that matplotlib can write, by its suffix.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    sides = sorted({place(row).side for row in rows})
    figure, axes = pyplot().subplots(
        1, len(sides), figsize=(11, 4.5), layout="constrained", squeeze=False
    )
    for axis, side in zip(axes[0], sides, strict=True):
        series: dict[str, dict[int, float]] = {}
        for row in rows:
            at = place(row)
            if at.side != side or at.encoder != SMALL.encoder:
                continue
            series.setdefault(at.runtime, {})[at.modalities] = row.min
            if row.peer == EAGER_NAME and row.peer_min is not None:
                eager = series.setdefault(EAGER_NAME, {})
                eager[at.modalities] = min(row.peer_min, eager.get(at.modalities, row.peer_min))
        for name, times in series.items():
            axis.plot(*zip(*sorted(times.items()), strict=True), "o-", label=name)
        axis.set(xlabel="modalities present", ylabel="ms", ylim=(0, None))
        axis.set_title(f"time per frame, {side} x {side}")
        axis.set_xticks(range(1, len(MODALITIES) + 1))
    handles, names = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, fontsize="small")
    figure.savefig(path, dpi=110)


def _shares(runtime: Runtime, side: int) -> list[tuple[tuple[str, ...], float]]:
    subsets = subsets_to_warm(MODALITIES, alike=False)
    return list(parity(DEFAULT, runtime, side, subsets).items())


def _mark(*, met: bool) -> str:
    return "reached" if met else "**missed**"
