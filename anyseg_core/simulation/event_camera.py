"""An event camera: crossings of log-intensity levels between rendered frames.

Each pixel has a fixed ladder of levels, one contrast threshold apart and shifted by a random
offset, and fires whenever its log intensity crosses one (the principle of ESIM, Rebecq et al.,
CoRL 2018, with linear interpolation between frames). Because the ladder is fixed, the events of a
window do not depend on where it starts: two windows in a row hold what one long window holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from anyseg_core.types import EventArray, Float32Array

if TYPE_CHECKING:
    from collections.abc import Callable

_REFRACTORY_NS = 500_000
_HOT_HZ = 150.0
_HOT_SHARE = 1.2e-4
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)

Step = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]
"""Flat pixel index, time in nanoseconds and polarity of events."""


def log_intensity(radiance: Float32Array, exposure: float) -> Float32Array:
    """Return the photoreceptor's voltage float32 [H, W] in log units, with a dark floor."""
    return np.asarray(np.log(radiance @ _LUMINANCE * exposure + 0.03), np.float32)


def crossings(before: Float32Array, after: Float32Array, offset: Float32Array, threshold: float,
              start_ns: int, step_ns: int) -> Step:  # fmt: skip
    """Return the level crossings between two frames ``step_ns`` apart.

    Args:
        before: float32 [P], log intensity at ``start_ns``.
        after: float32 [P], the same one step later.
        offset: float32 [P], where each pixel's ladder of levels starts.
        threshold: distance of the levels.
        start_ns: time of ``before``.
        step_ns: time between the two.
    """
    first = np.floor((before - offset) / threshold).astype(np.int64)
    last = np.floor((after - offset) / threshold).astype(np.int64)
    count = np.minimum(np.abs(last - first), max(1, step_ns // _REFRACTORY_NS))
    pixel = np.repeat(np.arange(len(before)), count)
    nth = np.arange(len(pixel)) - np.repeat(np.cumsum(count) - count, count)
    rising = (last > first)[pixel]
    level = np.where(rising, first[pixel] + 1 + nth, first[pixel] - nth)
    height = level * threshold + offset[pixel]
    share = (height - before[pixel]) / (after - before)[pixel]
    time_ns = start_ns + np.floor(np.clip(share, 0.0, 1.0) * (step_ns - 1)).astype(np.int64)
    return pixel, time_ns, rising.astype(np.uint8)


class EventCamera:
    """Turns log-intensity frames on a fixed grid of instants into events.

    Args:
        width: columns.
        height: rows.
        threshold: contrast threshold in log units.
        step_ns: time between frames; the grid starts at 0.
        noise_hz: noise events per pixel and second.
        seed: chooses the levels' offsets, noise and hot pixels.
    """

    def __init__(self, width: int, height: int, threshold: float, step_ns: int, noise_hz: float,
                 seed: int) -> None:  # fmt: skip
        rng = np.random.default_rng([seed, 4])
        pixels = width * height
        self._width, self._pixels, self._threshold = width, pixels, threshold
        self._step_ns, self._noise_hz, self._seed = step_ns, noise_hz, seed
        self._offset = (threshold * rng.random(pixels)).astype(np.float32)
        self._hot = rng.choice(pixels, max(1, int(_HOT_SHARE * pixels)), replace=False)

    def instants_ns(self, start_ns: int, end_ns: int) -> tuple[int, ...]:
        """Return the instants of the grid whose frames a window needs."""
        steps = self._steps(start_ns, end_ns)
        return tuple(index * self._step_ns for index in range(steps.start, steps.stop + 1))

    def _steps(self, start_ns: int, end_ns: int) -> range:
        return range(start_ns // self._step_ns, -(-end_ns // self._step_ns))

    def window(self, frame: Callable[[int], Float32Array], start_ns: int,
               end_ns: int) -> EventArray:  # fmt: skip
        """Return the events from ``start_ns`` up to but not including ``end_ns``, by time.

        ``frame`` gives the log intensity float32 [H, W] at an instant of the grid.
        """
        steps = self._steps(start_ns, end_ns)
        parts = [part for index in steps for part in self._step(frame, index)]
        pixel = np.concatenate([part[0] for part in parts]) if parts else np.zeros(0, np.int64)
        time = np.concatenate([part[1] for part in parts]) if parts else np.zeros(0, np.int64)
        sign = np.concatenate([part[2] for part in parts]) if parts else np.zeros(0, np.uint8)
        inside = np.flatnonzero((time >= start_ns) & (time < end_ns))
        order = inside[np.lexsort((pixel[inside], time[inside]))]
        row, column = np.divmod(pixel[order], self._width)
        return EventArray(column.astype(np.uint16), row.astype(np.uint16), time[order], sign[order])

    def _step(self, frame: Callable[[int], Float32Array], index: int) -> tuple[Step, Step]:
        start = index * self._step_ns
        before, after = frame(start).ravel(), frame(start + self._step_ns).ravel()
        signal = crossings(before, after, self._offset, self._threshold, start, self._step_ns)
        return signal, self._noise(index)

    def _noise(self, index: int) -> Step:
        """Return noise of the whole sensor and of its hot pixels in one step."""
        rng = np.random.default_rng([self._seed, 5, index])
        seconds = self._step_ns * 1e-9
        anywhere = rng.integers(
            0, self._pixels, rng.poisson(self._noise_hz * self._pixels * seconds)
        )
        hot = np.repeat(self._hot, rng.poisson(_HOT_HZ * seconds, len(self._hot)))
        pixel = np.concatenate([anywhere, hot]).astype(np.int64)
        time = index * self._step_ns + rng.integers(0, self._step_ns, len(pixel))
        return pixel, time.astype(np.int64), rng.integers(0, 2, len(pixel)).astype(np.uint8)
