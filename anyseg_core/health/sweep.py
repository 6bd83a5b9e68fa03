"""What a sweep shows of its LiDAR: lost sectors and rings, a shaking mount, noise in the air."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.health.baseline import LEARNING_READINGS, Baseline
from anyseg_core.health.detectors import finding

if TYPE_CHECKING:
    from anyseg_core.health.config import Thresholds
    from anyseg_core.health.inspector import Results
    from anyseg_core.health.verdict import Finding
    from anyseg_core.types import BoolArray, Float32Array, Float64Array

SECTORS = 36
"""Sectors of 10 degrees of azimuth."""

BAND_RAD = 0.02
"""Height of a band of elevation: a ring of a LiDAR of 32 beams, several of one of 128."""

BANDS = 90
"""Bands from 0.9 rad below to 0.9 rad above the sensor."""

LEAST_COUNT = 16
"""A sector or band with fewer returns in a sample tells nothing when it has none."""

SAMPLED_POINTS = 8192
FAR_M = 25.0
NEAR_M = 2.0
RINGS_OF_GROUND = 4
ROUGH_M = 0.3
"""Lowest points further off a plane than this, in the median, are no ground."""


def sector_counts(points: Float32Array) -> Float64Array:
    """Return how many of the finite points [n, 3] lie in each sector, float64 [36]."""
    azimuth = np.arctan2(points[:, 1], points[:, 0])
    index = ((azimuth + np.pi) * (SECTORS / (2 * np.pi))).astype(np.intp) % SECTORS
    return np.bincount(index, minlength=SECTORS).astype(np.float64)


def band_counts(points: Float32Array) -> Float64Array:
    """Return how many of the finite points [n, 3] lie in each band of elevation, float64 [90]."""
    elevation = np.arctan2(points[:, 2], np.hypot(points[:, 0], points[:, 1]))
    index = np.floor(elevation / BAND_RAD).astype(np.intp) + BANDS // 2
    return np.bincount(np.clip(index, 0, BANDS - 1), minlength=BANDS).astype(np.float64)


def measure_spikes(points: Float32Array) -> float:
    """Return the share of points [N, 4] much nearer than both neighbours in firing order.

    Drops and droplets are points by themselves before what lies behind (the idea of the dynamic
    radius outlier filter, Charron et al., CRV 2018, on neighbours in firing order alone).
    """
    stride = max(1, len(points) // SAMPLED_POINTS) | 1
    middle = np.arange(1, len(points) - 1, stride)
    here, before, after = (_range_m(points[middle + step]) for step in (0, -1, 1))
    known = np.isfinite(here) & np.isfinite(before) & np.isfinite(after)
    spikes = known & (here < 0.8 * np.minimum(before, after))
    return int(spikes.sum()) / max(1, int(known.sum()))


def fit_ground(points: Float32Array) -> Float64Array | None:
    """Return the ground's slopes and height, z = a x + b y + c; None where there is none.

    The lowest point of each sector and of each of four distances stands for the ground; those
    off the plane by more than twice the median are left out of the next fit.
    """
    distance = np.hypot(points[:, 0], points[:, 1])
    here = (distance > NEAR_M) & (distance < FAR_M)
    near, distance = points[here], distance[here]
    ring = ((distance - NEAR_M) * (RINGS_OF_GROUND / (FAR_M - NEAR_M))).astype(np.intp)
    azimuth = np.arctan2(near[:, 1], near[:, 0])
    sector = ((azimuth + np.pi) * (SECTORS / (2 * np.pi))).astype(np.intp) % SECTORS
    cell = ring * SECTORS + sector
    order = np.lexsort((near[:, 2], cell))
    first = np.flatnonzero(np.diff(cell[order], prepend=-1))
    lowest = near[order[first]].astype(np.float64)
    for _ in range(4):
        if len(lowest) < SECTORS // 2:
            return None
        design = np.column_stack([lowest[:, :2], np.ones(len(lowest))])
        plane = np.linalg.lstsq(design, lowest[:, 2], rcond=None)[0]
        off = np.abs(lowest[:, 2] - design @ plane)
        lowest = lowest[off <= 2.0 * np.median(off) + 1e-6]
    too_rough = float(np.median(off)) > ROUGH_M
    return None if too_rough else np.asarray(plane)


def measure_tilt_deg(plane: Float64Array, before: Float64Array) -> float:
    """Return the angle between two grounds, in degrees."""
    return math.degrees(math.atan(math.hypot(plane[0] - before[0], plane[1] - before[1])))


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


def check_jitter(tilt_deg: float, max_tilt_deg: float) -> Finding | None:
    """Find a ground that tilts from one sweep to the next faster than a vehicle does."""
    if tilt_deg <= max_tilt_deg:
        return None
    return finding(
        "lidar_jitter",
        tilt_deg,
        max_tilt_deg,
        unit="degrees",
        message=f"the ground tilted by {tilt_deg:.1f} degrees since the last sweep",
        remedy="fasten the mount; check the driver's motion compensation",
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
        return np.asarray(np.sqrt(np.square(points[:, :3]).sum(axis=1)), np.float32)


class _UsualCounts:
    """Counts per bin and what is usual for each."""

    __slots__ = ("_readings", "_usual")

    def __init__(self) -> None:
        self._usual: Float64Array | None = None
        self._readings = 0

    def missing(self, counts: Float64Array, min_ratio: float) -> tuple[BoolArray, BoolArray]:
        """Return which bins usually hold enough to tell, and which of these hold next to none."""
        if self._usual is None or self._readings < LEARNING_READINGS:
            nothing = np.zeros(len(counts), bool)
            return nothing, nothing
        known = self._usual >= LEAST_COUNT
        return known, known & (counts < min_ratio * self._usual)

    def learn(self, counts: Float64Array, *, in_fault: bool) -> None:
        """Take one more sweep into account; slowly while it looks faulty."""
        if self._usual is None:
            self._usual = counts.copy()
            return
        self._readings += not in_fault
        rate = 0.005 if in_fault else max(0.05, 1.0 / (self._readings + 1))
        self._usual += rate * (counts - self._usual)


class SweepInspector:
    """The detectors of a sweep's shape, with what is usual for it."""

    __slots__ = ("_bands", "_ground", "_sectors", "_spikes", "_thresholds")

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._sectors, self._bands = _UsualCounts(), _UsualCounts()
        self._ground: Float64Array | None = None
        self._spikes = Baseline(rate=0.02, rate_in_fault=0.005)

    def inspect(self, points: Float32Array, sample: Float32Array) -> Results:
        """Look at a sweep [N, 4] and a sample [n, 3] of it, which need not be finite."""
        finite = sample[np.isfinite(sample).all(axis=1) & sample.any(axis=1)]
        results = self._check_coverage(finite)
        results["lidar_noise"] = self._check_noise(points)
        ground, before = fit_ground(finite), self._ground
        self._ground = ground
        if ground is not None and before is not None:
            tilt = measure_tilt_deg(ground, before)
            results["lidar_jitter"] = check_jitter(tilt, self._thresholds.lidar_jitter_deg)
        return results

    def _check_coverage(self, finite: Float32Array) -> Results:
        limits = self._thresholds
        sectors, bands = sector_counts(finite), band_counts(finite)
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
