"""What a simulated rig can be asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from anyseg_core.errors import ConfigurationError

CONDITIONS: tuple[str, ...] = ("cloud", "fog", "night", "rain", "sun")
"""The five conditions of DELIVER (Zhang et al., CVPR 2023), in its order."""

HELD_OUT_CONDITIONS: tuple[str, ...] = ("dusk",)
"""Conditions that nothing is trained on: how a network fares in them shows what it has learnt."""

MAX_DEPTH_M = 65.535
"""The farthest depth that fits into 16 bit millimetres (REP 118)."""


@dataclass(frozen=True, slots=True)
class RigConfig:
    """One simulated street and the rig that drives along it.

    Attributes:
        seed: chooses the street, the traffic and every sensor's noise; 0 or more.
        width: columns of the camera, depth and event images, at least 16.
        height: rows of the same, at least 16.
        condition: one of ``CONDITIONS`` or ``HELD_OUT_CONDITIONS``.
        lidar_beams: beams of the LiDAR, spread evenly over its vertical field of view.
        lidar_columns: firings of one turn of 360 degrees.
        max_range_m: the LiDAR's farthest range; depth ends here or at 65.535 m.
        horizontal_fov_rad: the camera's horizontal field of view, above 0.2 and below 2.4.
        ego_speed_mps: mean speed of the ego vehicle along the street.
        event_threshold: contrast threshold of the event camera, a step in log intensity.
        event_step_ns: time between the rendered frames between which events are interpolated.

    Raises:
        ConfigurationError: if a value is out of range.
    """

    seed: int = 0
    width: int = 256
    height: int = 256
    condition: str = "cloud"
    lidar_beams: int = 32
    lidar_columns: int = 512
    max_range_m: float = 80.0
    horizontal_fov_rad: float = 1.31
    ego_speed_mps: float = 7.0
    event_threshold: float = 0.25
    event_step_ns: int = 25_000_000

    def __post_init__(self) -> None:
        """Check every value."""
        known = CONDITIONS + HELD_OUT_CONDITIONS
        if self.condition not in known:
            raise ConfigurationError(
                f"condition {self.condition!r}", f"one of {', '.join(known)}", "choose one"
            )
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value <= high):
                raise ConfigurationError(
                    f"{name} = {value}", f"{low} to {high}", f"correct {name} of the rig"
                )


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("seed", 0, 2**63 - 1),
    ("width", 16, 4096),
    ("height", 16, 4096),
    ("lidar_beams", 1, 256),
    ("lidar_columns", 8, 4096),
    ("max_range_m", 1.0, 250.0),
    ("horizontal_fov_rad", 0.2, 2.4),
    ("ego_speed_mps", 0.0, 40.0),
    ("event_threshold", 0.02, 5.0),
    ("event_step_ns", 100_000, 1_000_000_000),
)
