"""Tables and a plot of what ``models_cases`` measured: time and memory by pixels and modalities."""

from __future__ import annotations

import re
import weakref
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from anyseg_core.benchmark.models import MFF, MPU, fuse, mutual_perception
from anyseg_core.benchmark.plotting import pyplot
from anyseg_core.models import build_model
from anyseg_core.types import MODALITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from anyseg_core.benchmark.measure import Row
    from anyseg_core.models import SegmentationModel

MIB = 2**20
MEGAPIXEL = 1e6
STRIDE, WIDTH = 4, 256  # of the maps that MFF fuses


class Place(NamedTuple):
    """What a row is about."""

    what: str
    modalities: int
    side: int


class PeakMemory(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's
    """Counts the bytes of all tensors that are alive at once; on the device ``meta``, too.

    Attributes:
        peak: the most so far.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.peak: int = 0
        self._alive = 0
        self._known: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        """Run an operation and count what it made."""
        for tensor in tree_leaves((args, kwargs)):
            if isinstance(tensor, Tensor):  # what was there before counts for nothing
                self._known.add(tensor.untyped_storage())
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor) and tensor.untyped_storage() not in self._known:
                storage = tensor.untyped_storage()
                self._known.add(storage)
                self._alive += storage.nbytes()
                weakref.finalize(storage, self._free, storage.nbytes())
        self.peak = max(self.peak, self._alive)
        return out

    def _free(self, count: int) -> None:
        self._alive -= count


@cache
def fusion_memory(what: str, count: int, side: int) -> float:
    """Return the most MiB of tensors that MFF or MPU (MiT-B2) holds beyond its inputs.

    Nothing is computed: tensors have sizes and no content.

    Args:
        what: ``MFF`` or ``MPU``.
        count: modalities present.
        side: of the images in pixels.
    """
    subset = MODALITIES[:count]
    with torch.device("meta"), torch.no_grad():
        if what == MFF:
            cells = -(-side // STRIDE)
            maps = torch.zeros(count, cells, cells, WIDTH).permute(0, 3, 1, 2).unsqueeze(1)
            run: Callable[[], object] = lambda: fuse(maps)  # noqa: E731 - one of two
        else:
            run = mutual_perception(_charm(), torch.zeros(count, 3, side, side), subset)
        with PeakMemory() as memory:
            run()
    return float(memory.peak / MIB)


@cache
def _charm() -> SegmentationModel:
    with torch.device("meta"):
        return build_model("charm").eval()


def place(row: Row) -> Place | None:
    """Read a row's name back; None for a row on a GPU."""
    found = re.fullmatch(r"(.+), ([RDEL]+), (\d+) x \d+", row.name)
    return None if found is None else Place(found[1], len(found[2]), int(found[3]))


def fusion_table(rows: Sequence[Row]) -> str:
    """Return a Markdown table of MFF's and MPU's time and memory.

    The last two columns are per megapixel of all modalities' images together: where time and memory
    are linear, they stay alike down the table.
    """
    lines = [
        "| fusion | modalities | image | ms | of the encoder | MiB | ms / Mpx | MiB / Mpx |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        at = place(row)
        if at is None or at.what not in {MFF, MPU} or row.ratio is None:
            continue
        mib, work = fusion_memory(*at), at.modalities * at.side**2 / MEGAPIXEL
        lines.append(
            f"| {at.what} | {at.modalities} | {at.side} x {at.side} | {row.min:.1f} "
            f"| {100 / row.ratio:.1f} % | {mib:.1f} | {row.min / work:.1f} | {mib / work:.1f} |"
        )
    return "\n".join(lines) + "\n"


def plot_models(rows: Sequence[Row], path: Path) -> None:
    """Draw time by modalities, and the fusions' time and memory by pixels times modalities.

    Args:
        rows: of ``models_cases``.
        path: a file that matplotlib can write, by its suffix.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    figure, axes = pyplot().subplots(1, 3, figsize=(15, 4.5), layout="constrained")
    _draw_networks(axes[0], rows)
    for axis, unit in zip(axes[1:], ("ms", "MiB"), strict=True):
        _draw_fusions(axis, rows, unit)
    figure.savefig(path, dpi=110)


def _draw_networks(axis: Any, rows: Sequence[Row]) -> None:  # noqa: ANN401 - matplotlib's
    series: dict[tuple[str, int], dict[int, float]] = {}
    for row in rows:
        at = place(row)
        if at is None or at.what in {MFF, MPU} or row.peer is None or row.peer_min is None:
            continue
        for name, taken in ((at.what, row.min), (row.peer, row.peer_min)):
            times = series.setdefault((name, at.side), {})
            times[at.modalities] = min(taken, times.get(at.modalities, taken))
    names = list(dict.fromkeys(name for name, _ in series))
    for (name, side), times in series.items():
        label = name if side == min(other for _, other in series) else None
        axis.plot(list(times), list(times.values()), "o-", c=f"C{names.index(name)}", label=label)
    axis.set(xlabel="modalities present", ylabel="ms", yscale="log", title="forward time, by size")
    axis.set_xticks(range(1, len(MODALITIES) + 1))
    axis.legend(fontsize="small")


def _draw_fusions(axis: Any, rows: Sequence[Row], unit: str) -> None:  # noqa: ANN401 - likewise
    for colour, what in enumerate((MFF, MPU)):
        points = []
        for row in rows:
            at = place(row)
            if at is not None and at.what == what:
                value = row.min if unit == "ms" else fusion_memory(*at)
                points.append((at.modalities * at.side**2 / MEGAPIXEL, value))
        if not points:
            continue
        largest, most = max(points)
        axis.plot(*zip(*points, strict=True), "o", c=f"C{colour}", label=what)
        ends = [min(points)[0], largest]
        axis.plot(ends, [most * end / largest for end in ends], "--", c=f"C{colour}")
    axis.set(xscale="log", yscale="log", xlabel="megapixels x modalities", ylabel=unit)
    axis.set_title("fusion; dashed: in proportion")
    axis.legend(fontsize="small")
