"""The voxel grid's loops: one that adds events as they come, and one for many events.

Many events scattered over a grid of several megabytes spend their time waiting for memory. So two
threads first write the events into lists by bands of rows, in the order of their times; then each
band's sums are made in memory that stays in the processor's cache, one interval between two bins
after the other. One float64 per pixel holds both sums that an interval needs: the signed count
times a large power of two, plus the signed share of the later bin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.kernels import array_out, constants_in, device, kernel
from anyseg_core.parallel import Scratch, run_halves

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.events.kernels import Columns
    from anyseg_core.types import Float32Array, Float64Array

_WORTH_LISTS = 40_000  # events; below, waking a thread costs more than it saves
_CELLS_PER_EVENT = 4  # fewer events for the cells do not repay a pass over the whole grid
_BAND_PIXELS = 32_768  # float64: a quarter of a megabyte
_SCRATCH = Scratch()

_COLUMNS = tuple(constants_in(scalar, 1) for scalar in ("uint16", "uint16", "int64", "uint8"))
_GRID = array_out("float32", 3)


def add_voxels(columns: Columns, grid: Float32Array, t_start_ns: int, t_end_ns: int) -> None:
    """Add events to a grid [bins, H, W]; see ``voxel_grid`` in ``events.py``."""
    _add_each(*columns, grid, t_start_ns, t_end_ns)


def fill_voxels(columns: Columns, grid: Float32Array, t_start_ns: int, t_end_ns: int) -> None:
    """Write the grid of these events over what it held."""
    bins, height, width = grid.shape
    count = columns[0].size
    if bins == 1 or count < max(_WORTH_LISTS, grid.size // _CELLS_PER_EVENT):
        grid.fill(0.0)
        _add_each(*columns, grid, t_start_ns, t_end_ns)
        return
    bounds = np.array(
        [t_start_ns + (t_end_ns - t_start_ns) * k // (bins - 1) for k in range(bins)], np.int64
    )
    rows = max(_BAND_PIXELS // width, 1)
    band_of = (np.arange(height) // rows).astype(np.uint16)
    bands, most = int(band_of[-1]) + 1, count - count // 2
    lists = [_Lists.make(half, most, bins, bands) for half in (0, 1)]
    strays = [0, 0]

    def sort(half: int, first: int, end: int) -> None:
        strays[half] = lists[half].sort(_piece(columns, first, end), bounds, band_of, width)

    def total(half: int, first: int, end: int) -> None:
        sums = _SCRATCH.array(f"sums {half}", rows * width, np.float64)
        a, b = lists
        _total_bands(
            a.cells, a.shares, a.ends, b.cells, b.shares, b.ends, first, end, rows * width,
            2.0 ** math.ceil(math.log2(2 * count + 2)), sums, grid,
        )  # fmt: skip

    run_halves(sort, count)
    run_halves(total, lists[0].ends.shape[1])
    for half, (first, end) in enumerate(((0, count // 2), (count // 2, count))):
        if strays[half]:
            _add_strays(*_piece(columns, first, end), lists[half].runs, bounds, grid)


def _piece(columns: Columns, first: int, end: int) -> Columns:
    x, y, t_ns, p = columns
    return x[first:end], y[first:end], t_ns[first:end], p[first:end]


@dataclass(frozen=True, slots=True)
class _Lists:
    """Events in lists by band of rows, and within a band by interval between two bins.

    Attributes:
        cells: uint32 [N], row * width + column of each listed event.
        shares: float32 [N], 1 plus the share of the interval's later bin, with the event's sign.
        ends: int64 [bins, bands], where a band's list starts, then where each interval ends in it.
        runs: int64 [bins], where each interval starts in the events as they came.
    """

    cells: NDArray[np.uint32]
    shares: Float32Array
    ends: NDArray[np.int64]
    runs: NDArray[np.int64]

    @classmethod
    def make(cls, half: int, count: int, bins: int, bands: int) -> _Lists:
        """Return lists in memory that is used again, one of two for ``count`` events."""
        return cls(
            _SCRATCH.array(f"cells {half}", count, np.uint32),
            _SCRATCH.array(f"shares {half}", count, np.float32),
            np.empty((bins, bands), np.int64),
            np.empty(bins, np.int64),
        )

    def sort(
        self,
        columns: Columns,
        bounds: NDArray[np.int64],
        band_of: NDArray[np.uint16],
        width: int,
    ) -> int:
        """List the events; returns how many of the window came out of the order of times."""
        # by bisection, as if times never stepped back: events that do are found by the loop
        self.runs[:] = np.maximum.accumulate(np.searchsorted(columns[2], bounds, side="right"))
        self.runs[0], self.runs[-1] = 0, columns[2].size
        _count_rows(columns[1], band_of, self.ends)
        return int(
            _list_events(
                *columns, self.runs, bounds, band_of, width, self.cells, self.shares, self.ends
            )
        )


@device
def _add_one(grid: Float32Array, pixel: tuple[int, int], sign: float, position: float) -> None:
    """Share an event among the bins beside its position in time."""
    first = min(int(position), grid.shape[0] - 1)
    second = min(first + 1, grid.shape[0] - 1)  # the last bin has no neighbour; its share is 0
    later = sign * (position - first)
    row, column = pixel
    grid[np.uint64(first), row, column] += np.float32(sign - later)
    grid[np.uint64(second), row, column] += np.float32(later)


@kernel((*_COLUMNS, _GRID, "int64", "int64"))
def _add_each(
    x: NDArray[np.uint16],
    y: NDArray[np.uint16],
    t_ns: NDArray[np.int64],
    p: NDArray[np.uint8],
    grid: Float32Array,
    t_start_ns: int,
    t_end_ns: int,
) -> None:
    bins, height, width = grid.shape
    scale = (bins - 1) / (t_end_ns - t_start_ns)
    for i in range(x.size):
        if x[i] < width and y[i] < height and t_start_ns < t_ns[i] <= t_end_ns:
            sign = 1.0 if p[i] else -1.0
            _add_one(grid, (y[i], x[i]), sign, (t_ns[i] - t_start_ns) * scale)


_INT64S = constants_in("int64", 1)
_BANDS = constants_in("uint16", 1)
_ENDS = array_out("int64", 2)


@kernel((_COLUMNS[1], _BANDS, _ENDS))
def _count_rows(
    y: NDArray[np.uint16], band_of: NDArray[np.uint16], ends: NDArray[np.int64]
) -> None:
    """Write to ``ends[0]`` where each band's list starts."""
    height, starts = band_of.size, ends[0]
    starts[:] = 0
    for i in range(y.size):
        if y[i] < height:
            starts[np.uint64(band_of[y[i]])] += 1
    total = 0
    for band in range(starts.size):
        count = starts[band]
        starts[band] = total
        total += count


@kernel(
    (
        *_COLUMNS, _INT64S, _INT64S, _BANDS, "int64",
        array_out("uint32", 1), array_out("float32", 1), _ENDS,
    )
)  # fmt: skip
def _list_events(
    x: NDArray[np.uint16],
    y: NDArray[np.uint16],
    t_ns: NDArray[np.int64],
    p: NDArray[np.uint8],
    runs: NDArray[np.int64],
    bounds: NDArray[np.int64],
    band_of: NDArray[np.uint16],
    width: int,
    cells: NDArray[np.uint32],
    shares: Float32Array,
    ends: NDArray[np.int64],
) -> int:
    bins = bounds.size
    start, end = bounds[0], bounds[bins - 1]
    scale = (bins - 1) / (end - start)
    one = np.float32(1.0)
    strays = 0
    for k in range(bins - 1):
        places = ends[k + 1]
        places[:] = ends[k]
        after, last = bounds[k], bounds[k + 1]
        for i in range(np.uint64(runs[k]), np.uint64(runs[k + 1])):
            t = t_ns[i]
            row = np.uint64(y[i])
            inside = row < band_of.size and x[i] < width
            if inside and after < t <= last:
                band = np.uint64(band_of[row])
                place = np.uint64(places[band])
                places[band] += 1
                cells[place] = np.uint32(row) * np.uint32(width) + np.uint32(x[i])
                share = one + np.float32((t - start) * scale - k)
                shares[place] = share if p[i] else -share
            elif inside and start < t <= end:
                strays += 1
    return strays


_LIST = (constants_in("uint32", 1), constants_in("float32", 1), constants_in("int64", 2))


@kernel((*_LIST, *_LIST, "int64", "int64", "int64", "float64", array_out("float64", 1), _GRID))
def _total_bands(
    cells: NDArray[np.uint32],
    shares: Float32Array,
    ends: NDArray[np.int64],
    more_cells: NDArray[np.uint32],
    more_shares: Float32Array,
    more_ends: NDArray[np.int64],
    first_band: int,
    end_band: int,
    band_pixels: int,
    unit: float,
    sums: Float64Array,
    grid: Float32Array,
) -> None:
    """Write the bands [first, end) of the grid; ``sums`` holds zeros before and after."""
    planes = grid.reshape(grid.shape[0], -1)
    rest = unit - 1.0
    for band in range(first_band, end_band):
        offset = np.uint64(band * band_pixels)
        pixels = min(band_pixels, planes.shape[1] - band * band_pixels)
        for k in range(ends.shape[0] - 1):
            for i in range(np.uint64(ends[k, band]), np.uint64(ends[k + 1, band])):
                share = np.float64(shares[i])
                sums[np.uint64(cells[i]) - offset] += share + math.copysign(rest, share)
            for i in range(np.uint64(more_ends[k, band]), np.uint64(more_ends[k + 1, band])):
                share = np.float64(more_shares[i])
                sums[np.uint64(more_cells[i]) - offset] += share + math.copysign(rest, share)
            low = planes[k, band * band_pixels : band * band_pixels + pixels]
            high = planes[k + 1, band * band_pixels : band * band_pixels + pixels]
            if k == 0:
                low[:] = np.float32(0.0)
            for i in range(pixels):
                count = np.rint(sums[i] / unit)
                later = sums[i] - count * unit
                sums[i] = 0.0
                low[i] += np.float32(count - later)
                high[i] = np.float32(later)


@kernel((*_COLUMNS, _INT64S, _INT64S, _GRID))
def _add_strays(
    x: NDArray[np.uint16],
    y: NDArray[np.uint16],
    t_ns: NDArray[np.int64],
    p: NDArray[np.uint8],
    runs: NDArray[np.int64],
    bounds: NDArray[np.int64],
    grid: Float32Array,
) -> None:
    """Add the events of the window that stand in another interval's run than their own."""
    bins, height, width = grid.shape
    start, end = bounds[0], bounds[bins - 1]
    scale = (bins - 1) / (end - start)
    for k in range(bins - 1):
        for i in range(runs[k], runs[k + 1]):
            t = t_ns[i]
            inside = x[i] < width and y[i] < height and start < t <= end
            if inside and not bounds[k] < t <= bounds[k + 1]:
                _add_one(grid, (y[i], x[i]), 1.0 if p[i] else -1.0, (t - start) * scale)
