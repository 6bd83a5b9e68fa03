"""What a sweep shows of its LiDAR: lost sectors and rings, noise in the air."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.health.baseline import Baseline
from anyseg_core.health.detectors import finding
from anyseg_core.health.ground import GroundInspector
from anyseg_core.health.usual_counts import UsualCounts
from anyseg_core.kernels import array_in, array_out, kernel

if TYPE_CHECKING:
    from anyseg_core.health.config import Thresholds
    from anyseg_core.health.inspector import Results
    from anyseg_core.health.verdict import Finding
    from anyseg_core.types import Float32Array, Float64Array

SECTORS = 36
"""Sectors of 10 degrees of azimuth."""

BAND_RAD = 0.02
"""Height of a band of elevation: a ring of a LiDAR of 32 beams, several of one of 128."""

BANDS = 90
"""Bands from 0.9 rad below to 0.9 rad above the sensor."""

LEAST_COUNT = 16
"""A sector or band with fewer returns in a sample tells nothing when it has none."""

SAMPLED_POINTS = 8192


def sector_and_band_counts(points: Float32Array) -> tuple[Float64Array, Float64Array]:
    """Return how many of the finite points [n, 3] lie in each sector and in each band of elevation.

    Returns:
        float64 [36] by azimuth from -pi on, and float64 [90] by elevation from the lowest up.
    """
    sectors, bands = np.zeros(SECTORS), np.zeros(BANDS)
    _count(points, sectors, bands)
    return sectors, bands


@kernel((array_in("float32", 2), array_out("float64", 1), array_out("float64", 1)))
def _count(points: Float32Array, sectors: Float64Array, bands: Float64Array) -> None:
    for i in range(len(points)):
        x, y = points[i, 0], points[i, 1]
        azimuth = math.atan2(y, x) + math.pi
        sectors[int(azimuth * (SECTORS / (2 * math.pi))) % SECTORS] += 1
        elevation = math.atan2(points[i, 2], math.sqrt(x * x + y * y))
        bands[min(max(round(elevation / BAND_RAD) + BANDS // 2, 0), BANDS - 1)] += 1


def measure_spikes(points: Float32Array) -> float:
    """Return the share of points [N, 4] much nearer than both neighbours in firing order.

    Drops and droplets are points by themselves before what lies behind (the idea of the dynamic
    radius outlier filter, Charron et al., CRV 2018, on neighbours in firing order alone).
    """
    stride = max(1, len(points) // SAMPLED_POINTS) | 1
    before, here, after = (
        _range_m(points[first : len(points) - 2 + first : stride]) for first in (0, 1, 2)
    )
    known = np.isfinite(here) & np.isfinite(before) & np.isfinite(after)
    spikes = known & (here < 0.8 * np.minimum(before, after))
    return int(spikes.sum()) / max(1, int(known.sum()))


def check_lost_sector(lost_deg: float, max_deg: float) -> Finding | None:
    """Find sectors without the returns that they usually have."""
    if lost_deg < max_deg:
        return None
    return finding(
        "lidar_lost_sector",
        lost_deg,
        max_deg,
        unit="degrees",
        message=f"{lost_deg:.0f} degrees of azimuth without returns",
        remedy="clean the window; see what stands before the LiDAR; check for packet loss",
    )


def check_lost_rings(share: float, max_share: float) -> Finding | None:
    """Find elevations without the returns that they usually have."""
    if share <= max_share:
        return None
    return finding(
        "lidar_lost_rings",
        share,
        max_share,
        unit="share of elevations",
        message=f"{share:.0%} of the elevations without returns",
        remedy="have the LiDAR's lasers checked; compare the number of rings in the driver",
    )


def check_noise(share: float, usual: float, max_more: float) -> Finding | None:
    """Find more single near points than this LiDAR's sweeps have."""
    if share <= usual + max_more:
        return None
    return finding(
        "lidar_noise",
        share,
        usual + max_more,
        unit="share of points",
        message=f"{share:.0%} of the points stand alone, usually {usual:.0%}",
        remedy="think of rain, snow, fog, dust or another LiDAR; filter outliers",
    )


def _range_m(points: Float32Array) -> Float32Array:
    with np.errstate(invalid="ignore", over="ignore"):
        x, y, z = points[:, 0], points[:, 1], points[:, 2]
        return np.asarray(np.sqrt(x * x + y * y + z * z), np.float32)


class SweepInspector:
    """The detectors of a sweep's shape, with what is usual for it."""

    __slots__ = ("_bands", "_ground", "_sectors", "_spikes", "_thresholds")

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._sectors, self._bands = UsualCounts(LEAST_COUNT), UsualCounts(LEAST_COUNT)
        self._ground = GroundInspector(thresholds)
        self._spikes = Baseline(rate=0.02, rate_in_fault=0.005)

    def inspect(self, points: Float32Array, sample: Float32Array) -> Results:
        """Look at a sweep [N, 4] and a sample [n, 3] of it, which need not be finite."""
        range_m = _range_m(sample)
        finite = sample[(range_m > 0.0) & (range_m < np.inf)]
        results = self._check_coverage(finite)
        results["lidar_noise"] = self._check_noise(points)
        return results | self._ground.inspect(finite)

    def _check_coverage(self, finite: Float32Array) -> Results:
        limits = self._thresholds
        sectors, bands = sector_and_band_counts(finite)
        known, lost = self._sectors.missing(sectors, limits.lidar_lost_ratio)
        sector = check_lost_sector(int(lost.sum()) * 360.0 / SECTORS, limits.lidar_lost_sector_deg)
        known, lost = self._bands.missing(bands, limits.lidar_lost_ratio)
        share = int(lost.sum()) / max(1, int(known.sum()))
        rings = check_lost_rings(share, limits.lidar_lost_rings_share)
        self._sectors.learn(sectors, in_fault=sector is not None)
        self._bands.learn(bands, in_fault=rings is not None)
        return {"lidar_lost_sector": sector, "lidar_lost_rings": rings}

    def _check_noise(self, points: Float32Array) -> Finding | None:
        share, usual = measure_spikes(points), self._spikes.value
        noise = check_noise(
            share, share if usual is None else usual, self._thresholds.lidar_noise_share
        )
        self._spikes.learn(share, in_fault=noise is not None)
        return noise
