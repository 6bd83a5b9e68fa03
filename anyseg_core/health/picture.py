"""What a picture shows of its lens: sharpness, contrast, blocked regions and size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.health.baseline import Baseline
from anyseg_core.health.detectors import finding
from anyseg_core.health.frozen import SAMPLED_ROWS

if TYPE_CHECKING:
    from collections.abc import Collection

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
    """Return mean square difference of neighbours over that of distant pixels, along some rows.

    The ratio depends neither on brightness nor on contrast, both of which fog and night take
    away. Squares, because an edge that a blur draws out over n pixels keeps the sum of its steps
    but has an nth of the sum of their squares (the energy of the gradient is an old measure of
    focus: Subbarao, Choi and Nikzad, 1993). 0 for a flat picture.
    """
    rows = image[:: max(1, image.shape[0] // SAMPLED_ROWS), :, 1].astype(np.float32)
    far = max(2, rows.shape[1] // FAR_STEPS)
    if rows.shape[1] <= far:
        return 0.0
    near_square = float(np.square(rows[:, 1:] - rows[:, :-1]).mean())
    far_square = float(np.square(rows[:, far:] - rows[:, :-far]).mean())
    return near_square / far_square if far_square > 0 else 0.0


def measure_blocked_share(sample: UInt8Array, max_level: float) -> float:
    """Return the share of cells of a sample [H, W, 3] in which no pixel is above ``max_level``."""
    height, width = (side // GRID for side in sample.shape[:2])
    if not height or not width:
        return 0.0
    bright = sample[: GRID * height, : GRID * width, 1] > max_level
    cells = bright.reshape(GRID, height, GRID, width).any(axis=(1, 3))
    return 1.0 - np.count_nonzero(cells) / cells.size


def measure_far_contrast(sample: UInt8Array) -> float:
    """Return the mean over the upper half's cells of the brightness' standard deviation.

    A camera that looks level sees in its upper half what is far, and that fades first: by
    Koschmieder's law contrast falls exponentially with distance times the fog's extinction.
    """
    height, width = sample.shape[0] // GRID, sample.shape[1] // GRID
    if not height or not width:
        return 0.0
    upper = sample[: GRID // 2 * height, : GRID * width, 1].astype(np.float32)
    cells = upper.reshape(GRID // 2, height, GRID, width)
    return float(cells.std(axis=(1, 3)).mean())


def check_blurred(sharpness: float, usual: float, min_ratio: float) -> Finding | None:
    """Find a picture much less sharp than this camera's pictures are."""
    if sharpness >= min_ratio * usual:
        return None
    return finding(
        "rgb_blurred",
        sharpness,
        min_ratio * usual,
        unit="ratio of squared differences",
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
        unit="ratio of squared differences",
        message=f"noisy: neighbours differ by {sharpness:.2f}, usually {usual:.2f}",
        remedy="check gain, cooling and cable; look for rain or snow before the lens",
    )


def check_low_contrast(contrast: float, usual: float, min_ratio: float) -> Finding | None:
    """Find a picture of whose far half much less can be seen than usual.

    What is usual was learned on the stream: a scene in fog has little contrast all along, and
    weather changes slower than the baseline does. A loss within seconds is the lens.
    """
    if contrast >= min_ratio * usual:
        return None
    return finding(
        "rgb_low_contrast",
        contrast,
        min_ratio * usual,
        unit="grey levels",
        message=f"contrast of the far half {contrast:.1f}, usually {usual:.1f}",
        remedy="clean the lens; think of condensation, spray, smoke or a bank of fog",
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

    What is usual is learned from pictures without a finding, and slowly from the others, so that
    a tunnel becomes the usual after a while.
    """

    __slots__ = ("_blocked", "_contrast", "_others", "_sharpness", "_size", "_thresholds")

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._size: tuple[int, int] | None = None
        self._others = 0
        self._begin()

    def _begin(self) -> None:
        """Forget what is usual: it holds for one size of picture."""
        self._sharpness = Baseline(rate=0.02, rate_in_fault=0.005)
        self._contrast = Baseline(rate=0.02, rate_in_fault=0.005)
        self._blocked = Baseline(rate=0.02, rate_in_fault=0.005)

    def inspect(self, image: UInt8Array, sample: UInt8Array, told: Collection[str]) -> Results:
        """Look at one picture uint8 [H, W, 3] and a sample of it.

        Args:
            image: the picture.
            sample: of it.
            told: detectors that found something already. What follows from that is not told a
                second time: low contrast from under-exposure, and noise from any of them, as
                from the edges of a blocked region.
        """
        other = self._check_size((image.shape[1], image.shape[0]))
        if other is not None:
            return {"rgb_size": other}
        blocked = self._check_blocked(sample)
        return {
            "rgb_size": None,
            "rgb_blocked": blocked,
            "rgb_low_contrast": self._check_contrast(sample, told="rgb_under_exposed" in told),
        } | self._check_sharpness(image, told=bool(told) or blocked is not None)

    def _check_size(self, size: tuple[int, int]) -> Finding | None:
        other = check_size(size, self._size or size)
        self._others = 0 if other is None else self._others + 1
        if self._size is None or self._others >= READINGS_TO_SETTLE:
            self._size = size
            self._begin()
        return other

    def _check_blocked(self, sample: UInt8Array) -> Finding | None:
        limits, usual = self._thresholds, self._blocked.value
        share = measure_blocked_share(sample, limits.rgb_blocked_level)
        blocked = check_blocked(share, share if usual is None else usual, limits.rgb_blocked_share)
        self._blocked.learn(share, in_fault=blocked is not None)
        return blocked

    def _check_contrast(self, sample: UInt8Array, *, told: bool) -> Finding | None:
        contrast, usual = measure_far_contrast(sample), self._contrast.value
        low = check_low_contrast(
            contrast,
            contrast if usual is None else usual,
            self._thresholds.rgb_low_contrast_ratio,
        )
        self._contrast.learn(contrast, in_fault=told or low is not None)
        return None if told else low

    def _check_sharpness(self, image: UInt8Array, *, told: bool) -> Results:
        limits, sharpness = self._thresholds, measure_sharpness(image)
        usual = sharpness if self._sharpness.value is None else self._sharpness.value
        blurred = check_blurred(sharpness, usual, limits.rgb_blurred_ratio)
        noisy = check_noisy(sharpness, usual, limits.rgb_noisy_ratio)
        odd = told or blurred is not None or noisy is not None
        self._sharpness.learn(sharpness, in_fault=odd)
        return {"rgb_blurred": blurred, "rgb_noisy": None if told else noisy}
