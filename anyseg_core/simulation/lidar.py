"""A spinning LiDAR."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.simulation.materials import REFLECTIVITY

if TYPE_CHECKING:
    from anyseg_core.simulation.conditions import Condition
    from anyseg_core.simulation.config import RigConfig
    from anyseg_core.simulation.raycasting import Instant
    from anyseg_core.types import Float32Array, Float64Array

TOP_BEAM_RAD, BOTTOM_BEAM_RAD = 0.20, -0.42
RANGE_SIGMA_M = 0.02
_MIN_RANGE_M = 0.8


def beam_directions(config: RigConfig) -> Float32Array:
    """Return unit vectors float32 [columns * beams, 3] in firing order.

    Columns run clockwise seen from above and start straight behind; within a column the beams
    run from the top down.
    """
    azimuth = np.pi - 2.0 * np.pi * np.arange(config.lidar_columns) / config.lidar_columns
    elevation = np.linspace(TOP_BEAM_RAD, BOTTOM_BEAM_RAD, config.lidar_beams)
    around, up = np.meshgrid(azimuth, elevation, indexing="ij")
    unit = np.stack([np.cos(up) * np.cos(around), np.cos(up) * np.sin(around), np.sin(up)], -1)
    return unit.reshape(-1, 3).astype(np.float32)


def sweep(world: Instant, world_from_lidar: Float64Array, config: RigConfig, weather: Condition,
          rng: np.random.Generator) -> Float32Array:  # fmt: skip
    """Return one sweep, float32 [columns * beams, 4]: x, y, z in metres and intensity 0..255.

    The cloud is organised: point ``column * beams + beam`` is always that beam's. A beam without
    return is +Inf in x, y and z with intensity 0; a dropped measurement is NaN (REP 117). The
    sweep is of one instant, as a driver gives it that takes out the vehicle's own motion.
    """
    beams = beam_directions(config)
    directions = (beams @ world_from_lidar[:3, :3].T).astype(np.float32)
    hits = world.cast(world_from_lidar[:3, 3].astype(np.float32), directions)
    facing = np.abs(np.einsum("ij,ij->i", hits.normal, directions))
    range_m = np.where(hits.struck, hits.range_m, np.inf)
    echo = REFLECTIVITY[hits.material] * (0.35 + 0.65 * facing)
    reach = np.where(hits.struck, hits.range_m, 1e3)
    echo = echo * np.exp(-2.0 * weather.lidar_fog_per_m * reach) * hits.struck
    echo *= 1.0 + 0.06 * rng.standard_normal(len(echo))
    # A weak echo drowns in noise: the nearer, the weaker it may be.
    weak = echo < 0.028 * (reach / 60.0) ** 2
    range_m = np.where(weak | (range_m > config.max_range_m), np.inf, range_m)
    range_m = range_m + RANGE_SIGMA_M * rng.standard_normal(len(range_m))
    range_m, echo = _weather_echoes(range_m, echo, weather, rng)
    range_m[range_m < _MIN_RANGE_M] = np.inf
    points = np.full((len(beams), 4), np.inf, np.float32)
    found = np.isfinite(range_m)
    points[found, :3] = beams[found] * range_m[found, None]
    points[:, 3] = np.where(found, np.clip(255.0 * echo, 0.0, 255.0), 0.0)
    dropped = found & (rng.random(len(beams)) < 0.008 + 0.02 * weather.rain)
    points[dropped, :3] = np.nan
    points[dropped, 3] = 0.0
    return points


def _weather_echoes(range_m: Float64Array, echo: Float64Array, weather: Condition,
                    rng: np.random.Generator) -> tuple[Float64Array, Float64Array]:  # fmt: skip
    """Put echoes of drops and droplets, near and weak, before what lies behind them."""
    share = 4.0 * weather.lidar_fog_per_m + 0.02 * weather.rain
    if share <= 0.0:
        return range_m, echo
    drop = 1.0 + rng.exponential(5.0, len(range_m))
    first = (rng.random(len(range_m)) < share) & (drop < range_m)
    faint = rng.uniform(0.005, 0.06, len(range_m))
    return np.where(first, drop, range_m), np.where(first, faint, echo)
