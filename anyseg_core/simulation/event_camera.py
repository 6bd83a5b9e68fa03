"""An event camera: crossings of log-intensity levels between rendered frames.

Each pixel has a fixed ladder of levels, one contrast threshold apart and shifted by a random
offset, and fires whenever its log intensity crosses one (the principle of ESIM, Rebecq et al.,
CoRL 2018, with linear interpolation between frames). Because the ladder is fixed, the events of a
window do not depend on where it starts: two windows in a row hold what one long window holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from anyseg_core.kernels import array_out, constants_in, device, kernel
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
    rung, most = before.dtype.type(threshold), max(1, step_ns // _REFRACTORY_NS)
    count = np.empty(len(before), np.int64)
    _count_crossings(before, after, offset, rung, most, count)
    end = np.cumsum(count)
    pixel, time_ns = np.empty((2, int(end[-1])), np.int64)
    rising = np.empty(len(pixel), np.uint8)
    _cross(
        before, after, offset, rung, most, threshold, start_ns, step_ns, end - count, pixel,
        time_ns, rising,
    )  # fmt: skip
    return pixel, time_ns, rising


def _ladder(scalar: str) -> tuple[Any, ...]:
    pixels = constants_in(scalar, 1)
    return pixels, pixels, pixels, scalar, "int64"


_LONGS, _TO_LONGS = constants_in("int64", 1), array_out("int64", 1)


@device
def _rung(value: float, offset: float, threshold: np.floating[Any]) -> int:
    """Return the highest rung of the ladder that is not above ``value``."""
    return int(np.floor((value - offset) / threshold))


@kernel((*_ladder("float32"), _TO_LONGS), (*_ladder("float64"), _TO_LONGS))
def _count_crossings(before: NDArray[Any], after: NDArray[Any], offset: NDArray[Any],
                     threshold: np.floating[Any], most: int,
                     count: NDArray[np.int64]) -> None:  # fmt: skip
    for n in range(len(before)):
        first = _rung(before[n], offset[n], threshold)
        last = _rung(after[n], offset[n], threshold)
        count[n] = min(abs(last - first), most)


_CROSSED = ("float64", "int64", "int64", _LONGS, _TO_LONGS, _TO_LONGS, array_out("uint8", 1))


@kernel((*_ladder("float32"), *_CROSSED), (*_ladder("float64"), *_CROSSED))
def _cross(before: NDArray[Any], after: NDArray[Any], offset: NDArray[Any],
           threshold: np.floating[Any], most: int, height: float, start_ns: int, step_ns: int,
           place: NDArray[np.int64], pixel: NDArray[np.int64], time_ns: NDArray[np.int64],
           rising: NDArray[np.uint8]) -> None:  # fmt: skip
    """Write each pixel's crossings from ``place`` on; ``height`` is the threshold as a double."""
    for n in range(len(before)):
        first = _rung(before[n], offset[n], threshold)
        last = _rung(after[n], offset[n], threshold)
        for nth in range(min(abs(last - first), most)):
            rung = first + 1 + nth if last > first else first - nth
            level = rung * height + offset[n]
            share = (level - before[n]) / (after[n] - before[n])
            k = place[n] + nth
            pixel[k], rising[k] = n, last > first
            time_ns[k] = start_ns + int(np.floor(min(max(share, 0.0), 1.0) * (step_ns - 1)))


_DIGIT_BITS = 11
_DIGITS = 1 << _DIGIT_BITS


@kernel((_LONGS, _LONGS, _TO_LONGS))
def _sort(major: NDArray[np.int64], minor: NDArray[np.int64], order: NDArray[np.int64]) -> None:
    """Write the stable order by ``major``, then ``minor``, numbers from 0: digit by digit."""
    order[:] = np.arange(len(order))
    moved, place = np.empty_like(order), np.empty(_DIGITS + 1, np.int64)
    for key in (minor, major):
        rest = key.max() if len(key) else 0
        shift = 0
        while rest > 0:
            place[:] = 0
            for item in range(len(key)):
                place[1 + (key[item] >> shift) % _DIGITS] += 1
            for digit in range(_DIGITS):
                place[digit + 1] += place[digit]
            for item in order:
                digit = (key[item] >> shift) % _DIGITS
                moved[place[digit]] = item
                place[digit] += 1
            order[:] = moved
            rest, shift = rest >> _DIGIT_BITS, shift + _DIGIT_BITS


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
        order = np.empty(len(inside), np.int64)
        _sort(time[inside] - start_ns, pixel[inside], order)
        order = inside[order]
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
