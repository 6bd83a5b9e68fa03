"""What the ground in a sweep shows of a LiDAR's mount: whether it shakes, and whether it moved."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.health.baseline import Baseline
from anyseg_core.health.detectors import finding

if TYPE_CHECKING:
    from anyseg_core.health.config import Thresholds
    from anyseg_core.health.inspector import Results
    from anyseg_core.health.verdict import Finding
    from anyseg_core.types import Float32Array, Float64Array

FAR_M = 25.0
NEAR_M = 2.0
RINGS = 4
SECTORS = 36
"""Sectors of 10 degrees of azimuth."""

ROUGH_M = 0.15
"""Lowest points further off the plane than this are not of the ground, and"""

LEAST_ON_GROUND, MOST_BELOW = 0.4, 0.1
"""where fewer lie on it, or more below it, the plane is that of roofs and walls."""

SETTLED = 10
"""Sweeps whose median is the present ground: a second of a LiDAR at 10 Hz, so that neither
a bump nor one sweep full of parked cars moves it."""


def fit_ground(points: Float32Array) -> Float64Array | None:
    """Return the ground's slopes and height, z = a x + b y + c; None where there is none.

    The lowest point of each sector and of each of four distances stands for the ground; those
    off the plane by more than twice the median are left out of the next fit.
    """
    distance = np.hypot(points[:, 0], points[:, 1])
    here = (distance > NEAR_M) & (distance < FAR_M)
    near, distance = points[here], distance[here]
    ring = ((distance - NEAR_M) * (RINGS / (FAR_M - NEAR_M))).astype(np.intp)
    azimuth = np.arctan2(near[:, 1], near[:, 0])
    sector = ((azimuth + np.pi) * (SECTORS / (2 * np.pi))).astype(np.intp) % SECTORS
    cell = ring * SECTORS + sector
    floor = np.full(RINGS * SECTORS, np.inf, np.float32)
    np.minimum.at(floor, cell, near[:, 2])
    lowest = all_lowest = near[near[:, 2] == floor[cell]].astype(np.float64)
    for _ in range(4):
        if len(lowest) < SECTORS // 2:
            return None
        design = np.column_stack([lowest[:, :2], np.ones(len(lowest))])
        plane = np.linalg.lstsq(design, lowest[:, 2], rcond=None)[0]
        off = np.abs(lowest[:, 2] - design @ plane)
        lowest = lowest[off <= 2.0 * np.median(off) + 1e-6]
    above = all_lowest[:, 2] - all_lowest[:, :2] @ plane[:2] - plane[2]
    on_ground, below = np.mean(np.abs(above) <= ROUGH_M), np.mean(above < -ROUGH_M)
    is_ground = on_ground >= LEAST_ON_GROUND and below <= MOST_BELOW
    return np.asarray(plane, np.float64) if is_ground else None


def measure_tilt_deg(plane: Float64Array, before: Float64Array) -> float:
    """Return the angle between two grounds, in degrees."""
    return math.degrees(math.atan(math.hypot(plane[0] - before[0], plane[1] - before[1])))


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


def check_moved(tilt_deg: float, max_tilt_deg: float) -> Finding | None:
    """Find a ground that stays tilted against the one that this LiDAR usually sees."""
    if tilt_deg <= max_tilt_deg:
        return None
    return finding(
        "lidar_moved",
        tilt_deg,
        max_tilt_deg,
        unit="degrees",
        message=f"the ground lies {tilt_deg:.1f} degrees off the usual one",
        remedy="none on a ramp or a slope; else fasten the mount and calibrate anew",
    )


class GroundInspector:
    """The detectors of a LiDAR's mount, with the ground that it usually sees.

    A turn about the vertical leaves the ground as it is, so that one is not seen here.
    """

    __slots__ = ("_before", "_grounds", "_thresholds", "_usual")

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._before: Float64Array | None = None
        self._grounds: deque[Float64Array] = deque(maxlen=SETTLED)
        self._usual = (Baseline(0.02, rate_in_fault=0.005), Baseline(0.02, rate_in_fault=0.005))

    def inspect(self, finite: Float32Array) -> Results:
        """Look at a sweep's finite points [n, 3]."""
        ground, before = fit_ground(finite), self._before
        self._before = ground
        if ground is None:
            return {}
        results: Results = {"lidar_moved": self._check_moved(ground)}
        if before is not None:
            tilt_deg = measure_tilt_deg(ground, before)
            results["lidar_jitter"] = check_jitter(tilt_deg, self._thresholds.lidar_jitter_deg)
        return results

    def _check_moved(self, ground: Float64Array) -> Finding | None:
        self._grounds.append(ground)
        settled = np.median(np.stack(self._grounds), axis=0)
        x, y = self._usual
        known = x.value is not None and y.value is not None
        usual = np.array([x.value, y.value]) if known else settled
        tilt_deg = measure_tilt_deg(settled, usual)
        moved = check_moved(tilt_deg, self._thresholds.lidar_moved_deg)
        for baseline, slope in ((x, settled[0]), (y, settled[1])):
            baseline.learn(float(slope), in_fault=moved is not None)
        return moved
