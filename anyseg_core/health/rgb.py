"""Faults of a colour camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.health.baseline import Baseline
from anyseg_core.health.detectors import finding
from anyseg_core.health.frozen import RepeatCounter, check_frozen, sample_image
from anyseg_core.health.hot_pixels import HotPixelInspector
from anyseg_core.health.picture import PictureInspector

if TYPE_CHECKING:
    from anyseg_core.health.config import Thresholds
    from anyseg_core.health.inspector import Results
    from anyseg_core.health.verdict import Finding
    from anyseg_core.types import RgbRecord, UInt8Array

_EXPOSURE_REMEDY = "check exposure and gain; let the camera's automatic exposure run"


TOLD_BY_CAUSE = ("rgb_under_exposed", "rgb_over_exposed", "rgb_hot_pixels")
"""Faults that make neighbouring pixels differ more: where one is found, noise is not told too."""


@dataclass(frozen=True, slots=True)
class ImageStatistics:
    """Mean and standard deviation in grey levels 0..255, and the share of saturated pixels."""

    mean: float
    contrast: float
    saturated_share: float


def measure_image(sample: UInt8Array, saturated_level: float) -> ImageStatistics:
    """Measure a sample of a picture, uint8 [H, W, 3].

    The contrast is that of the pixels' brightness, so a flat picture of any colour has none.
    """
    red, green, blue = sample[..., 0], sample[..., 1], sample[..., 2]
    pixels = max(1, red.size)
    total = np.add(red, green, dtype=np.float32)
    total += blue
    mean = float(total.sum()) / pixels
    total -= mean
    variance = float(np.square(total).sum()) / pixels
    darkest = np.minimum(np.minimum(red, green), blue)
    saturated = np.count_nonzero(darkest >= saturated_level) / pixels
    return ImageStatistics(mean / 3.0, variance**0.5 / 3.0, saturated)


def check_black(
    statistics: ImageStatistics, max_mean: float, max_contrast: float
) -> Finding | None:
    """Find a picture without light: mean and contrast both near zero.

    Night alone is no fault: lamps, signs and reflections leave contrast in a dark picture.
    """
    if statistics.mean >= max_mean or statistics.contrast >= max_contrast:
        return None
    return finding(
        "rgb_black",
        statistics.mean,
        max_mean,
        unit="grey levels",
        message=f"black: mean {statistics.mean:.1f}, contrast {statistics.contrast:.1f}",
        remedy="see whether the lens is covered; check the camera's power and exposure",
    )


def check_white(
    statistics: ImageStatistics, min_mean: float, max_contrast: float
) -> Finding | None:
    """Find a picture that is saturated all over."""
    if statistics.mean <= min_mean or statistics.contrast >= max_contrast:
        return None
    return finding(
        "rgb_white",
        statistics.mean,
        min_mean,
        unit="grey levels",
        message=f"white: mean {statistics.mean:.1f}, contrast {statistics.contrast:.1f}",
        remedy=_EXPOSURE_REMEDY,
    )


def check_under_exposed(mean: float, usual_mean: float, min_ratio: float) -> Finding | None:
    """Find a picture much darker than this camera's pictures are."""
    if mean >= min_ratio * usual_mean:
        return None
    return finding(
        "rgb_under_exposed",
        mean,
        min_ratio * usual_mean,
        unit="grey levels",
        message=f"mean {mean:.1f}, usually {usual_mean:.1f}",
        remedy=_EXPOSURE_REMEDY,
    )


def check_brightened(mean: float, usual_mean: float, max_ratio: float) -> Finding | None:
    """Find a picture much brighter than this camera's pictures are: over-exposed at night."""
    if mean <= max_ratio * usual_mean:
        return None
    return finding(
        "rgb_over_exposed",
        mean,
        max_ratio * usual_mean,
        unit="grey levels",
        message=f"mean {mean:.1f}, usually {usual_mean:.1f}",
        remedy=_EXPOSURE_REMEDY,
    )


def check_over_exposed(share: float, usual_share: float, max_more: float) -> Finding | None:
    """Find a picture with many more saturated pixels than this camera's pictures have."""
    if share <= usual_share + max_more:
        return None
    return finding(
        "rgb_over_exposed",
        share,
        usual_share + max_more,
        unit="share of pixels",
        message=f"{share:.0%} of the pixels are saturated, usually {usual_share:.0%}",
        remedy=_EXPOSURE_REMEDY,
    )


class RgbInspector:
    """The detectors of a colour camera, with the brightness that is usual for it."""

    __slots__ = ("_hot_pixels", "_mean", "_picture", "_repeats", "_saturated", "_thresholds")

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._mean = Baseline(rate=0.02, rate_in_fault=0.01)
        self._saturated = Baseline(rate=0.02, rate_in_fault=0.01)
        self._repeats = RepeatCounter()
        self._picture = PictureInspector(thresholds)
        self._hot_pixels = HotPixelInspector(thresholds)

    @property
    def moving(self) -> bool:
        """Whether the last two readings differ."""
        return self._repeats.moving

    def inspect(self, record: RgbRecord) -> Results:
        """Look at one picture."""
        limits = self._thresholds
        sample = sample_image(record.image)
        statistics = measure_image(sample, limits.rgb_saturated_level)
        repeats = self._repeats.count(sample)
        black = check_black(statistics, limits.rgb_black_mean, limits.rgb_flat_contrast)
        white = check_white(statistics, limits.rgb_white_mean, limits.rgb_flat_contrast)
        results: Results = {
            "rgb_black": black,
            "rgb_white": white,
            "rgb_frozen": check_frozen("rgb_frozen", repeats, limits.frozen_repeats),
        }
        if black is None and white is None:
            results |= self._check_exposure(statistics)
            results["rgb_hot_pixels"] = self._hot_pixels.inspect(record.image)
            told = [name for name in TOLD_BY_CAUSE if results[name] is not None]
            results |= self._picture.inspect(record.image, sample, told)
        return results

    def _check_exposure(self, statistics: ImageStatistics) -> Results:
        limits = self._thresholds
        usual_mean, usual_share = self._mean.value, self._saturated.value
        # Without a baseline, what is usual is taken to be as seen, and no saturation at all.
        mean = statistics.mean if usual_mean is None else usual_mean
        dark = check_under_exposed(statistics.mean, mean, limits.rgb_under_exposed_ratio)
        bright = check_over_exposed(
            statistics.saturated_share, usual_share or 0.0, limits.rgb_over_exposed_share
        ) or check_brightened(statistics.mean, mean, limits.rgb_over_exposed_ratio)
        is_odd = dark is not None or bright is not None
        self._mean.learn(statistics.mean, in_fault=is_odd)
        self._saturated.learn(statistics.saturated_share, in_fault=is_odd)
        return {"rgb_under_exposed": dark, "rgb_over_exposed": bright}
