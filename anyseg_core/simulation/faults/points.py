"""Faults of LiDAR sweeps: functions from points float32 [N, 4] to points.

A point that is lost becomes a beam without return, +Inf with intensity 0 (REP 117), so that an
organised cloud stays organised; only ``truncated`` returns fewer points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.types import Float32Array, Float64Array

RING_RAD = 0.02
"""Height of one band of elevation that ``lost_rings`` keeps or loses: a ring of 32 beams."""


def _without(points: Float32Array, lost: NDArray[np.bool_]) -> Float32Array:
    out = points.copy()
    out[lost] = (np.inf, np.inf, np.inf, 0.0)
    return out


def _range_m(points: Float32Array) -> Float32Array:
    """Return each point's range, 0 for points that are NaN or Inf."""
    square = np.einsum("ij,ij->i", points[:, :3], points[:, :3])
    return np.sqrt(np.where(np.isfinite(square), square, 0.0)).astype(np.float32)


def wrong_extrinsic(
    points: Float32Array, severity: float, where: np.random.Generator
) -> Float32Array:
    """Move the LiDAR on its mount: up to 6 degrees and 0.4 m, as long as the fault lasts."""
    return _moved(
        points,
        np.radians(6.0) * severity * _direction(where),
        0.4 * severity * _direction(where),
    )


def truncated(points: Float32Array, severity: float) -> Float32Array:
    """Cut the sweep short: up to 95 % of the points, those fired last, are not there."""
    return points[: round(len(points) * (1.0 - 0.95 * severity))].copy()


def jitter(points: Float32Array, severity: float, rng: np.random.Generator) -> Float32Array:
    """Shake the whole sweep: up to 3 degrees and 0.3 m (standard deviation) about each axis."""
    angle = np.radians(3.0) * severity * rng.standard_normal(3)
    shift = 0.3 * severity * rng.standard_normal(3)
    return _moved(points, angle, shift)


def _direction(rng: np.random.Generator) -> Float64Array:
    vector = rng.standard_normal(3)
    return np.asarray(vector / np.linalg.norm(vector))


def _moved(points: Float32Array, angle: Float64Array, shift: Float64Array) -> Float32Array:
    """Return points turned by the rotation vector ``angle`` in radians, then shifted in metres."""
    length = float(np.linalg.norm(angle))
    axis = angle / max(length, 1e-12)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    # Rodrigues' formula.
    rotation = np.eye(3) + np.sin(length) * cross + (1 - np.cos(length)) * cross @ cross
    out = points.copy()
    here = np.isfinite(points[:, :3]).all(1)
    out[here, :3] = points[here, :3] @ rotation.T + shift
    return out


def noise(points: Float32Array, severity: float, rng: np.random.Generator) -> Float32Array:
    """Scatter ranges by up to 0.5 m and put up to 15 % of the points anywhere along their beam."""
    range_m = _range_m(points)
    here = range_m > 0.0
    new = range_m + 0.5 * severity * rng.standard_normal(len(points))
    stray = rng.random(len(points)) < 0.15 * severity
    new = np.where(stray, range_m * rng.random(len(points)), new)
    out = points.copy()
    factor = np.maximum(new[here], 0.05) / range_m[here]
    out[here, :3] *= factor[:, None].astype(np.float32)
    return out


def fog(points: Float32Array, severity: float, rng: np.random.Generator) -> Float32Array:
    """Lose far points (half of those at 12 m, at most) and put echoes of droplets nearby."""
    range_m = _range_m(points)
    here = range_m > 0.0
    lost = here & (rng.random(len(points)) > np.exp(-0.06 * severity * range_m))
    near = 1.0 + rng.exponential(3.0, len(points))
    veiled = here & (rng.random(len(points)) < 0.15 * severity) & (near < range_m)
    out = _without(points, lost & ~veiled)
    factor = (near[veiled] / range_m[veiled])[:, None].astype(np.float32)
    out[veiled, :3] = points[veiled, :3] * factor
    out[veiled, 3] *= 0.1
    return out


def lost_sector(points: Float32Array, severity: float, rng: np.random.Generator) -> Float32Array:
    """Lose up to 120 degrees of azimuth, about a direction within 45 degrees of straight ahead."""
    middle = rng.uniform(-np.pi / 4, np.pi / 4)
    with np.errstate(invalid="ignore"):
        azimuth = np.arctan2(points[:, 1], points[:, 0])
        away = np.abs((azimuth - middle + np.pi) % (2 * np.pi) - np.pi)
    return _without(points, (_range_m(points) > 0.0) & (away < severity * np.pi / 3))


def lost_rings(points: Float32Array, severity: float, rng: np.random.Generator) -> Float32Array:
    """Lose up to 70 % of the rings, told apart by bands of elevation ``RING_RAD`` high."""
    dead = rng.random(256) < 0.7 * severity
    range_m = _range_m(points)
    here = range_m > 0.0
    elevation = np.arcsin(np.clip(points[here, 2] / range_m[here], -1.0, 1.0))
    lost = here.copy()
    # Bands are centred on multiples of their height, so that a ring on one of these is lost whole.
    lost[here] = dead[np.rint(elevation / RING_RAD).astype(int) % len(dead)]
    return _without(points, lost)
