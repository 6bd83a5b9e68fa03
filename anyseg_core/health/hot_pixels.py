"""Pixels of a colour camera that shine by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.health.baseline import Baseline
from anyseg_core.health.detectors import finding

if TYPE_CHECKING:
    from anyseg_core.health.config import Thresholds
    from anyseg_core.health.verdict import Finding
    from anyseg_core.types import BoolArray, UInt8Array

LOOKED_AT_ROWS = 96
"""Rows of which every pixel is looked at: 120 000 pixels of a 1280 x 720 picture."""


def find_isolated(image: UInt8Array, min_step: float) -> BoolArray:
    """Return which pixels are brighter by ``min_step`` than each of their four neighbours.

    Args:
        image: uint8 [H, W, 3]; the green channel is taken.
        min_step: grey levels.

    Returns:
        bool [R, W - 2]: some rows, all columns but the first and last.
    """
    step = max(1, image.shape[0] // LOOKED_AT_ROWS)
    rows = np.arange(1, image.shape[0] - 1, step)
    green = image[..., 1]
    middle = green[rows]
    around = np.maximum(green[rows - 1, 1:-1], green[rows + 1, 1:-1])
    np.maximum(around, middle[:, :-2], out=around)
    np.maximum(around, middle[:, 2:], out=around)
    return np.asarray(middle[:, 1:-1] > around.astype(np.int16) + min_step)


def measure_persistence(now: BoolArray, before: BoolArray) -> float:
    """Return the share of pixels that stand out twice, beyond what chance would give.

    Grain, rain and sparks stand out somewhere else each time, and the scene moves on; what a
    sensor makes by itself stays in its place.
    """
    if now.shape != before.shape or not now.size:
        return 0.0
    both = np.count_nonzero(now & before) / now.size
    by_chance = np.count_nonzero(now) / now.size * (np.count_nonzero(before) / now.size)
    return max(0.0, both - by_chance)


def check_hot_pixels(share: float, usual: float, max_more: float) -> Finding | None:
    """Find more single bright pixels that stay in their place than usual."""
    if share <= usual + max_more:
        return None
    return finding(
        "rgb_hot_pixels",
        share,
        usual + max_more,
        unit="share of pixels",
        message=f"{share:.2%} of the pixels shine by themselves, usually {usual:.2%}",
        remedy="let the camera map its defect pixels; cool it; lower gain and exposure time",
    )


class HotPixelInspector:
    """The detector of hot pixels, with the share that is usual for the camera and its scenes."""

    __slots__ = ("_before", "_thresholds", "_usual")

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._before: BoolArray | None = None
        self._usual = Baseline(rate=0.02, rate_in_fault=0.005)

    def inspect(self, image: UInt8Array) -> Finding | None:
        """Look at one picture uint8 [H, W, 3]."""
        limits = self._thresholds
        now, before = find_isolated(image, limits.rgb_hot_step), self._before
        self._before = now
        if before is None:
            return None
        share, usual = measure_persistence(now, before), self._usual.value
        hot = check_hot_pixels(share, share if usual is None else usual, limits.rgb_hot_share)
        self._usual.learn(share, in_fault=hot is not None)
        return hot
