"""What the ground in a sweep shows of a LiDAR's mount: whether it shakes, and whether it moved."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.health.baseline import Baseline
from anyseg_core.health.detectors import finding
from anyseg_core.kernels import array_in, array_out, constants_in, device, kernel

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

FITS = 4
"""How often the plane is fitted, each time without what lies far off the last one."""

SETTLED = 10
"""Sweeps whose median is the present ground: a second of a LiDAR at 10 Hz, so that neither
a bump nor one sweep full of parked cars moves it."""


def fit_ground(points: Float32Array) -> Float64Array | None:
    """Return the ground's slopes and height, z = a x + b y + c; None where there is none.

    The lowest point of each sector and of each of four distances stands for the ground; those
    off the plane by more than twice the median are left out of the next fit.
    """
    lowest = np.empty((RINGS * SECTORS, 3))
    lowest = lowest[: _find_lowest(points, lowest)]
    plane = np.empty(3)
    return plane if _fit_often(lowest, plane) and _is_ground(lowest, plane) else None


def _is_ground(lowest: Float64Array, plane: Float64Array) -> bool:
    above = lowest[:, 2] - lowest[:, :2] @ plane[:2] - plane[2]
    count = len(lowest)
    on_ground, below = (
        np.count_nonzero(np.abs(above) <= ROUGH_M),
        np.count_nonzero(above < -ROUGH_M),
    )
    return bool(on_ground >= LEAST_ON_GROUND * count and below <= MOST_BELOW * count)


@kernel((array_in("float32", 2), array_out("float64", 2)))
def _find_lowest(points: Float32Array, lowest: Float64Array) -> int:
    """Write each cell's lowest point, and return how many cells have one."""
    found = np.full(RINGS * SECTORS, -1)
    for i in range(len(points)):
        x, y = np.float64(points[i, 0]), np.float64(points[i, 1])
        distance = math.sqrt(x * x + y * y)
        if NEAR_M < distance < FAR_M:
            ring = int((distance - NEAR_M) * (RINGS / (FAR_M - NEAR_M)))
            sector = int((math.atan2(y, x) + math.pi) * (SECTORS / (2 * math.pi))) % SECTORS
            cell = min(ring, RINGS - 1) * SECTORS + sector
            if found[cell] < 0 or points[i, 2] < points[found[cell], 2]:
                found[cell] = i
    count = 0
    for i in found:
        if i >= 0:
            lowest[count] = points[i]
            count += 1
    return count


@device
def _fit_plane(points: Float64Array, plane: Float64Array) -> bool:
    """Write the least-squares plane z = a x + b y + c; False where the points lie on a line."""
    count = len(points)
    x, y, z = points[:, 0].sum() / count, points[:, 1].sum() / count, points[:, 2].sum() / count
    xx = xy = yy = xz = yz = 0.0
    for i in range(count):
        dx, dy, dz = points[i, 0] - x, points[i, 1] - y, points[i, 2] - z
        xx += dx * dx
        xy += dx * dy
        yy += dy * dy
        xz += dx * dz
        yz += dy * dz
    area = xx * yy - xy * xy
    if area <= 1e-9 * (xx + yy) ** 2:
        return False
    plane[0] = (xz * yy - yz * xy) / area
    plane[1] = (yz * xx - xz * xy) / area
    plane[2] = z - plane[0] * x - plane[1] * y
    return True


@kernel((constants_in("float64", 2), array_out("float64", 1)))
def _fit_often(points: Float64Array, plane: Float64Array) -> bool:
    """Write the plane through most of the points; False where they are too few, or on a line."""
    for _ in range(FITS):
        if len(points) < SECTORS // 2 or not _fit_plane(points, plane):
            return False
        off = np.abs(points[:, 2] - plane[0] * points[:, 0] - plane[1] * points[:, 1] - plane[2])
        points = points[off <= 2.0 * np.median(off) + 1e-6]
    return True


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
