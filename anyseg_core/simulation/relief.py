"""Which points may lie in a shadow: a map of heights spares most shadow rays.

All shadow rays run towards one sun. Slid along them to height 0, every point of a ray comes to one
place, so only what comes to the same cell of a grid, and stands higher, can be in a point's way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.kernels import array_out, constants_in, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.types import BoolArray, Float32Array

LOWEST_RISE = 0.05
"""A direction must rise by this at least, as a share of its length."""

_MARGIN_M = 0.05
_SLACK_M = np.float32(0.01)
"""Half of what shadow rays start above their surface; far more than rounding adds up to."""

_MOST_CELLS = 1 << 22


class Relief:
    """The greatest height in each cell of the ground, seen along one direction.

    Args:
        vertices: float32 [T, 3, 3], the corners of the triangles that throw shadows.
        direction: float32 [3], the shadow rays' unit direction; it must rise.
        cell_m: side of a cell.
    """

    def __init__(self, vertices: Float32Array, direction: Float32Array, cell_m: float) -> None:
        slope = (direction[:2] / direction[2]).astype(np.float32)
        low, high = np.empty((2, 2), np.float32)
        _extent(vertices, slope, low, high)
        low, high = low - np.float32(cell_m), high + np.float32(cell_m)
        area = float(np.prod((high - low).astype(np.float64)))
        side_m = np.float32(max(cell_m, np.sqrt(area / _MOST_CELLS)))
        cells = np.ceil((high - low) / side_m).astype(np.int64) + 1
        self._heights = np.full(cells, -np.inf, np.float32)
        self._grid = slope, low, side_m
        _raise(vertices, *self._grid, self._heights)

    def candidates(self, rays: Float32Array, known: BoolArray) -> NDArray[np.int64]:
        """Return the rays of [R, 6] that something may be in the way of, less those ``known``."""
        rows = np.empty(len(rays), np.int64)
        return rows[: _candidates(rays, known, *self._grid, self._heights, rows)]


_VERTICES, _PAIR = constants_in("float32", 3), constants_in("float32", 1)


@kernel((_VERTICES, _PAIR, array_out("float32", 1), array_out("float32", 1)))
def _extent(vertices: Float32Array, slope: Float32Array, low: Float32Array,
            high: Float32Array) -> None:  # fmt: skip
    low[:], high[:] = 0.0, 0.0
    for n in range(len(vertices)):
        for corner in range(3):
            for axis in range(2):
                at = vertices[n, corner, axis] - vertices[n, corner, 2] * slope[axis]
                first = n == 0 and corner == 0
                low[axis] = at if first else min(low[axis], at)
                high[axis] = at if first else max(high[axis], at)


@kernel((_VERTICES, _PAIR, _PAIR, "float32", array_out("float32", 2)))
def _raise(vertices: Float32Array, slope: Float32Array, low: Float32Array, cell_m: np.float32,
           heights: Float32Array) -> None:  # fmt: skip
    """Raise all cells that a triangle's bounding box touches to the triangle's greatest height."""
    first, last = np.empty(2, np.int64), np.empty(2, np.int64)
    for n in range(len(vertices)):
        top = max(vertices[n, 0, 2], vertices[n, 1, 2], vertices[n, 2, 2])
        for axis in range(2):
            a = vertices[n, 0, axis] - vertices[n, 0, 2] * slope[axis]
            b = vertices[n, 1, axis] - vertices[n, 1, 2] * slope[axis]
            c = vertices[n, 2, axis] - vertices[n, 2, 2] * slope[axis]
            first[axis] = int((min(a, b, c) - _MARGIN_M - low[axis]) / cell_m)
            last[axis] = int((max(a, b, c) + _MARGIN_M - low[axis]) / cell_m)
        for i in range(max(first[0], 0), min(last[0] + 1, heights.shape[0])):
            for j in range(max(first[1], 0), min(last[1] + 1, heights.shape[1])):
                heights[i, j] = max(heights[i, j], top)


@kernel(
    (
        constants_in("float32", 2), constants_in("boolean", 1), _PAIR, _PAIR, "float32",
        constants_in("float32", 2), array_out("int64", 1),
    )
)  # fmt: skip
def _candidates(rays: Float32Array, known: BoolArray, slope: Float32Array, low: Float32Array,
                cell_m: np.float32, heights: Float32Array,
                rows: NDArray[np.int64]) -> int:  # fmt: skip
    count = 0
    for n in range(len(rays)):
        if known[n]:
            continue
        z = rays[n, 2]
        x = (rays[n, 0] - z * slope[0] - low[0]) / cell_m
        y = (rays[n, 1] - z * slope[1] - low[1]) / cell_m
        inside = 0.0 <= x < heights.shape[0] and 0.0 <= y < heights.shape[1]
        # Beyond the grid there is nothing: its rim is wider than the margin.
        if inside and heights[int(x), int(y)] > z - _SLACK_M:
            rows[count] = n
            count += 1
    return count
