"""Faults of a depth camera."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.health.baseline import Baseline
from anyseg_core.health.depth_surface import SurfaceInspector
from anyseg_core.health.detectors import finding
from anyseg_core.health.frozen import RepeatCounter, check_frozen, sample_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.health.config import Thresholds
    from anyseg_core.health.inspector import Results
    from anyseg_core.health.verdict import Finding
    from anyseg_core.types import DepthRecord

_REMEDY = "clean the lens; check the projector, the baseline to near objects and sunlight"


def measure_invalid_share(sample: NDArray[Any]) -> float:
    """Return the share of pixels that are 0, negative or not finite (REP 117, REP 118)."""
    if sample.size == 0:
        return 1.0
    valid = (sample > 0) & (sample < np.inf)
    return 1.0 - np.count_nonzero(valid) / sample.size


def check_empty(share: float, max_share: float) -> Finding | None:
    """Find a depth image with next to no valid pixel."""
    if share <= max_share:
        return None
    message = f"{share:.0%} of the depth is invalid"
    return finding(
        "depth_empty", share, max_share, unit="share of pixels", message=message, remedy=_REMEDY
    )


def check_invalid(share: float, usual_share: float, max_more: float) -> Finding | None:
    """Find a depth image with many more invalid pixels than this camera's images have."""
    if share <= usual_share + max_more:
        return None
    return finding(
        "depth_invalid",
        share,
        usual_share + max_more,
        unit="share of pixels",
        message=f"{share:.0%} of the depth is invalid, usually {usual_share:.0%}",
        remedy=_REMEDY,
    )


class DepthInspector:
    """The detectors of a depth camera, with what is usual for it."""

    __slots__ = ("_invalid", "_repeats", "_surface", "_thresholds")

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._invalid = Baseline(rate=0.02, rate_in_fault=0.01)
        self._repeats = RepeatCounter()
        self._surface = SurfaceInspector(thresholds)

    @property
    def moving(self) -> bool:
        """Whether the last two readings differ."""
        return self._repeats.moving

    def inspect(self, record: DepthRecord) -> Results:
        """Look at one depth image."""
        limits = self._thresholds
        sample = sample_image(record.depth)
        share = measure_invalid_share(sample)
        repeats = self._repeats.count(sample)
        empty = check_empty(share, limits.depth_empty_share)
        results: Results = {
            "depth_empty": empty,
            "depth_frozen": check_frozen("depth_frozen", repeats, limits.frozen_repeats),
        }
        if empty is None:
            usual = self._invalid.value
            invalid = check_invalid(
                share, share if usual is None else usual, limits.depth_invalid_share
            )
            self._invalid.learn(share, in_fault=invalid is not None)
            results["depth_invalid"] = invalid
            results |= self._surface.inspect(record.depth, sample)
        return results
