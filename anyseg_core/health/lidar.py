"""Faults of a LiDAR."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.health.baseline import Baseline
from anyseg_core.health.detectors import finding
from anyseg_core.health.frozen import RepeatCounter, check_frozen
from anyseg_core.health.sweep import SweepInspector

if TYPE_CHECKING:
    from anyseg_core.health.config import Thresholds
    from anyseg_core.health.inspector import Results
    from anyseg_core.health.verdict import Finding
    from anyseg_core.types import Float32Array, LidarRecord

SAMPLED_POINTS = 8192
"""The share of returns in so many points is known to half a percent (binomial, one sigma)."""


def sample_points(points: Float32Array) -> Float32Array:
    """Return x, y, z [n, 3] of some of the points, contiguous."""
    stride = max(1, len(points) // SAMPLED_POINTS) | 1
    return np.ascontiguousarray(points[::stride, :3])


def count_returns(points: Float32Array) -> int:
    """Estimate how many of the points [N, 4] are returns: finite and not at the origin.

    Larger clouds are sampled with an odd stride, which meets all rings of an organised cloud.
    """
    sample = sample_points(points)
    if len(sample) == 0:
        return 0
    # NaN and Inf carry through the sum, and no return lies within a micrometre of the sensor.
    extent = np.abs(sample[:, 0]) + np.abs(sample[:, 1]) + np.abs(sample[:, 2])
    share = np.count_nonzero((extent > 1e-6) & (extent < np.inf)) / len(sample)
    return round(share * len(points))


def check_empty(returns: int, min_returns: int) -> Finding | None:
    """Find a sweep with next to no returns."""
    if returns >= min_returns:
        return None
    return finding(
        "lidar_empty",
        returns,
        min_returns,
        unit="points",
        message=f"{returns} returns in a sweep",
        remedy="check the LiDAR's power, network and window; see whether packets are lost",
    )


def check_point_loss(returns: int, usual_returns: float, min_ratio: float) -> Finding | None:
    """Find a sweep with many fewer returns than this LiDAR's sweeps have."""
    if returns >= min_ratio * usual_returns:
        return None
    return finding(
        "lidar_point_loss",
        returns,
        min_ratio * usual_returns,
        unit="points",
        message=f"{returns} returns in a sweep, usually {usual_returns:.0f}",
        remedy="clean the window; see whether packets are lost; think of rain, fog or dust",
    )


class LidarInspector:
    """The detectors of a LiDAR, with the number of returns that is usual for it."""

    __slots__ = ("_repeats", "_returns", "_sweep", "_thresholds")

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        # Slow, so that a creeping loss is still one; and never learned from a loss.
        self._returns = Baseline(rate=0.002)
        self._repeats = RepeatCounter()
        self._sweep = SweepInspector(thresholds)

    @property
    def moving(self) -> bool:
        """Whether the last two readings differ."""
        return self._repeats.moving

    def inspect(self, record: LidarRecord) -> Results:
        """Look at one sweep."""
        sample = sample_points(record.points)
        repeats = self._repeats.count(sample)
        frozen = check_frozen("lidar_frozen", repeats, self._thresholds.frozen_repeats)
        returns = count_returns(record.points)
        empty = check_empty(returns, self._thresholds.lidar_empty_points)
        if empty is not None:
            return {"lidar_empty": empty, "lidar_frozen": frozen}
        usual = self._returns.value
        loss = check_point_loss(
            returns, returns if usual is None else usual, self._thresholds.lidar_point_ratio
        )
        self._returns.learn(returns, in_fault=loss is not None)
        results: Results = {"lidar_empty": None, "lidar_frozen": frozen, "lidar_point_loss": loss}
        return results | self._sweep.inspect(record.points, sample)
