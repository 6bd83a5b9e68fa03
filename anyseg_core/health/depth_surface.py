"""What a depth image shows of its surfaces: noise, holes like salt, and regions without depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.health.baseline import Baseline
from anyseg_core.health.detectors import finding
from anyseg_core.health.usual_counts import UsualCounts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.health.config import Thresholds
    from anyseg_core.health.inspector import Results
    from anyseg_core.health.verdict import Finding
    from anyseg_core.types import Float32Array, Float64Array

LOOKED_AT_ROWS = 48
"""Rows of which every pixel is looked at."""

GRID = 8
"""Rows and columns of the cells in which regions without depth are looked for."""

LEAST_VALID_SHARE = 0.5
"""A cell with less valid depth as a rule is sky or far away, and tells nothing when it has none."""

LEAST_TRIPLES = 100
"""Fewer surfaces than this say nothing of the noise."""

SIGMA_PER_RESIDUAL = 1.4826 / 6.0**0.5
"""Standard deviation of one of three independent values by the median size of their second
difference, whose variance is 1 + 4 + 1 times theirs."""


def take_rows(depth: NDArray[Any]) -> Float32Array:
    """Return some rows of a depth image as float32 [R, W], 0 where there is no depth."""
    rows = depth[:: max(1, depth.shape[0] // LOOKED_AT_ROWS)].astype(np.float32)
    rows[~((rows > 0) & (rows < np.inf))] = 0.0
    return rows


def measure_noise(rows: Float32Array) -> float | None:
    """Return depth's relative noise, from neighbours in a row; None where too few have depth.

    Along a row the inverse depth of any plane is linear, whatever its slope (it is an affine
    function of the pixel; Hartley and Zisserman, Multiple View Geometry, 2nd ed., section 13.1),
    so its second difference is noise but for edges, which the median passes over.
    """
    before, here, after = rows[:, :-2], rows[:, 1:-1], rows[:, 2:]
    known = (before > 0) & (here > 0) & (after > 0)
    if np.count_nonzero(known) < LEAST_TRIPLES:
        return None
    middle = here[known]
    residual = np.abs(2.0 - middle / before[known] - middle / after[known])
    return SIGMA_PER_RESIDUAL * float(np.median(residual))


def measure_speckle(rows: Float32Array) -> float:
    """Return the share of neighbours in a row of which one has depth and the other has not."""
    valid = rows > 0
    if valid.shape[1] < 2 or not len(valid):
        return 0.0
    return float(np.count_nonzero(valid[:, 1:] != valid[:, :-1])) / valid[:, 1:].size


def valid_counts(sample: NDArray[Any]) -> Float64Array:
    """Return the valid share of each of 8 x 8 cells of a sample [H, W], float64 [64]."""
    height, width = (side // GRID for side in sample.shape[:2])
    valid = (sample > 0) & (sample < np.inf)
    cells = valid[: GRID * height, : GRID * width].reshape(GRID, height, GRID, width)
    return np.asarray(cells.sum(axis=(1, 3)) / max(1, height * width), np.float64).ravel()


def check_noisy(noise: float, usual: float, max_more: float) -> Finding | None:
    """Find depth that scatters much more than this camera's does."""
    if noise <= usual + max_more:
        return None
    return finding(
        "depth_noisy",
        noise,
        usual + max_more,
        unit="share of the depth",
        message=f"depth scatters by {noise:.1%}, usually {usual:.1%}",
        remedy="check the projector, sunlight, interference by another camera and the calibration",
    )


def check_speckled(share: float, usual: float, max_more: float) -> Finding | None:
    """Find many more single holes than this camera's images have."""
    if share <= usual + max_more:
        return None
    return finding(
        "depth_speckled",
        share,
        usual + max_more,
        unit="share of neighbours",
        message=f"holes at {share:.0%} of the pixels' borders, usually {usual:.0%}",
        remedy="think of fog, rain, dust or a weak projector; clean the lens",
    )


def check_blocked(share: float, max_share: float) -> Finding | None:
    """Find regions without any depth that usually have it."""
    if share <= max_share:
        return None
    return finding(
        "depth_blocked",
        share,
        max_share,
        unit="share of cells",
        message=f"{share:.0%} of the cells that usually have depth have none",
        remedy="clean the lens; see what stands before the camera",
    )


class SurfaceInspector:
    """The detectors of depth's surfaces, with what is usual for them."""

    __slots__ = ("_cells", "_noise", "_speckle", "_thresholds")

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._noise = Baseline(rate=0.02, rate_in_fault=0.005)
        self._speckle = Baseline(rate=0.02, rate_in_fault=0.005)
        self._cells = UsualCounts(LEAST_VALID_SHARE)

    def inspect(self, depth: NDArray[Any], sample: NDArray[Any]) -> Results:
        """Look at one depth image [H, W] and a sample of it."""
        rows = take_rows(depth)
        results: Results = {
            "depth_speckled": self._check_speckle(rows),
            "depth_blocked": self._check_cells(sample),
        }
        noise = measure_noise(rows)
        if noise is not None:
            results["depth_noisy"] = self._check_noise(noise)
        return results

    def _check_noise(self, noise: float) -> Finding | None:
        usual = noise if self._noise.value is None else self._noise.value
        noisy = check_noisy(noise, usual, self._thresholds.depth_noise_share)
        self._noise.learn(noise, in_fault=noisy is not None)
        return noisy

    def _check_speckle(self, rows: Float32Array) -> Finding | None:
        share = measure_speckle(rows)
        usual = share if self._speckle.value is None else self._speckle.value
        speckled = check_speckled(share, usual, self._thresholds.depth_speckle_share)
        self._speckle.learn(share, in_fault=speckled is not None)
        return speckled

    def _check_cells(self, sample: NDArray[Any]) -> Finding | None:
        limits, counts = self._thresholds, valid_counts(sample)
        known, lost = self._cells.missing(counts, limits.depth_lost_ratio)
        share = int(lost.sum()) / max(1, int(known.sum()))
        blocked = check_blocked(share, limits.depth_blocked_share)
        self._cells.learn(counts, in_fault=blocked is not None)
        return blocked
