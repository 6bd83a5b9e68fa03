"""What a picture shows of its lens: sharpness, blocked regions and size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.health.baseline import Baseline
from anyseg_core.health.detectors import finding
from anyseg_core.health.frozen import SAMPLED_ROWS

if TYPE_CHECKING:
    from anyseg_core.health.config import Thresholds
    from anyseg_core.health.inspector import Results
    from anyseg_core.health.verdict import Finding
    from anyseg_core.types import UInt8Array

FAR_STEPS = 16
"""Sharpness sets a pixel's difference to the next against that to one a 16th of a row away."""

GRID = 8
"""Rows and columns of the cells in which blocked regions are looked for."""

READINGS_TO_SETTLE = 100
"""Readings after which another size is the usual one: some seconds of a camera."""


def measure_sharpness(image: UInt8Array) -> float:
    """Return mean difference of neighbours over that of distant pixels, along some rows.

    The ratio depends neither on brightness nor on contrast, both of which fog and night take
    away; a blur of any kind takes the neighbours' difference first. 0 for a flat picture.
    """
    rows = image[:: max(1, image.shape[0] // SAMPLED_ROWS), :, 1].astype(np.int16)
    far = max(2, rows.shape[1] // FAR_STEPS)
    if rows.shape[1] <= far:
        return 0.0
    near_difference = float(np.abs(rows[:, 1:] - rows[:, :-1]).mean())
    far_difference = float(np.abs(rows[:, far:] - rows[:, :-far]).mean())
    return near_difference / far_difference if far_difference > 0 else 0.0


def measure_blocked_share(sample: UInt8Array, max_level: float) -> float:
    """Return the share of cells of a sample [H, W, 3] in which no pixel is above ``max_level``."""
    height, width = (side // GRID for side in sample.shape[:2])
    if not height or not width:
        return 0.0
    bright = sample[: GRID * height, : GRID * width, 1] > max_level
    cells = bright.reshape(GRID, height, GRID, width).any(axis=(1, 3))
    return 1.0 - np.count_nonzero(cells) / cells.size


def check_blurred(sharpness: float, usual: float, min_ratio: float) -> Finding | None:
    """Find a picture much less sharp than this camera's pictures are."""
    if sharpness >= min_ratio * usual:
        return None
    return finding(
        "rgb_blurred",
        sharpness,
        min_ratio * usual,
        unit="ratio of differences",
        message=f"blurred: sharpness {sharpness:.2f}, usually {usual:.2f}",
        remedy="clean the lens; check focus, exposure time and vibration",
    )


def check_noisy(sharpness: float, usual: float, max_ratio: float) -> Finding | None:
    """Find a picture whose neighbouring pixels differ much more than usual."""
    if sharpness <= max_ratio * usual:
        return None
    return finding(
        "rgb_noisy",
        sharpness,
        max_ratio * usual,
        unit="ratio of differences",
        message=f"noisy: neighbours differ by {sharpness:.2f}, usually {usual:.2f}",
        remedy="check gain, cooling and cable; look for rain or snow before the lens",
    )


def check_blocked(share: float, usual: float, max_more: float) -> Finding | None:
    """Find a picture of which more is black than usual."""
    if share <= usual + max_more:
        return None
    return finding(
        "rgb_blocked",
        share,
        usual + max_more,
        unit="share of cells",
        message=f"{share:.0%} of the picture is black, usually {usual:.0%}",
        remedy="clean the lens; see what stands before the camera",
    )


def check_size(size: tuple[int, int], usual: tuple[int, int]) -> Finding | None:
    """Find a picture of another size (columns, rows) than before."""
    if size == usual:
        return None
    return finding(
        "rgb_size",
        size[0] * size[1],
        usual[0] * usual[1],
        unit="pixels",
        message=f"{size[0]} x {size[1]} pixels, usually {usual[0]} x {usual[1]}",
        remedy="set the driver's resolution back, or publish a camera info that fits",
    )


class PictureInspector:
    """The detectors of a lens, with what is usual for it; black and white pictures are not shown.

    Sharpness and blocked share are learned from pictures without a finding, and slowly from the
    others, so that a tunnel becomes the usual after a while.
    """

    __slots__ = ("_blocked", "_others", "_sharpness", "_size", "_thresholds")

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._sharpness = Baseline(rate=0.02, rate_in_fault=0.005)
        self._blocked = Baseline(rate=0.02, rate_in_fault=0.005)
        self._size: tuple[int, int] | None = None
        self._others = 0

    def inspect(self, image: UInt8Array, sample: UInt8Array) -> Results:
        """Look at one picture uint8 [H, W, 3] and a sample of it."""
        limits = self._thresholds
        size = (image.shape[1], image.shape[0])
        other = check_size(size, self._size or size)
        self._others = 0 if other is None else self._others + 1
        if self._size is None or self._others >= READINGS_TO_SETTLE:
            self._size = size
        if other is not None:
            return {"rgb_size": other}
        sharpness = measure_sharpness(image)
        share = measure_blocked_share(sample, limits.rgb_blocked_level)
        usual, usual_share = self._sharpness.value, self._blocked.value
        blurred = check_blurred(
            sharpness, sharpness if usual is None else usual, limits.rgb_blurred_ratio
        )
        blocked = check_blocked(
            share, share if usual_share is None else usual_share, limits.rgb_blocked_share
        )
        noisy = check_noisy(
            sharpness, sharpness if usual is None else usual, limits.rgb_noisy_ratio
        )
        self._sharpness.learn(sharpness, in_fault=blurred is not None or noisy is not None)
        self._blocked.learn(share, in_fault=blocked is not None)
        return {
            "rgb_size": None,
            "rgb_blurred": blurred,
            "rgb_noisy": noisy,
            "rgb_blocked": blocked,
        }
