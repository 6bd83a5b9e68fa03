"""What events show of an event camera's regions: noise all over, and parts that see nothing."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.health.baseline import Baseline
from anyseg_core.health.detectors import finding
from anyseg_core.kernels import array_in, array_out, constants, constants_in, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.health.config import Thresholds
    from anyseg_core.health.inspector import Results
    from anyseg_core.health.verdict import Finding
    from anyseg_core.types import EventArray, EventRecord, Float64Array

GRID = 8
"""Rows and columns of the cells."""

COUNTED_EVENTS = 16_384
"""Events of one packet that are counted; where there are more, every nth."""

QUIETEST = 0.1
"""The background is what the quietest tenth of the cells shows: sky, road, plain walls."""

MOST_BLOCKED = 0.9
"""Where more of the sensor is silent, events are lost and not regions."""


OFTEN_SILENT = 0.1
"""A sensor of whose cells more are silent as a rule has too little noise for silence to tell."""


def cell_counts(events: EventArray, width: int, height: int) -> Float64Array:
    """Return how many of the events lie in each of 8 x 8 cells, float64 [64]."""
    step = max(1, -(-len(events) // COUNTED_EVENTS))
    counts = np.zeros(GRID * GRID)
    x, y = events.x[::step], events.y[::step]
    _count(x, y, _cell_of_line(width), _cell_of_line(height), counts)
    return step * counts


@lru_cache(16)
def _cell_of_line(count: int) -> NDArray[np.intp]:
    """Return in which eighth of so many columns or rows each lies: a look-up, not a division."""
    return constants(np.arange(count) * GRID // max(1, count), np.intp)


@kernel((
    array_in("uint16", 1), array_in("uint16", 1),
    constants_in("int64", 1), constants_in("int64", 1), array_out("float64", 1),
))  # fmt: skip
def _count(
    x: NDArray[np.uint16],
    y: NDArray[np.uint16],
    cell_of_column: NDArray[np.intp],
    cell_of_row: NDArray[np.intp],
    counts: Float64Array,
) -> None:
    for i in range(len(x)):
        if x[i] < len(cell_of_column) and y[i] < len(cell_of_row):
            counts[cell_of_row[y[i]] * GRID + cell_of_column[x[i]]] += 1


def measure_background_hz(counts: Float64Array, pixel_seconds: float) -> float:
    """Return the rate of the quietest cells, events per pixel and second.

    Args:
        counts: events by cell, [64].
        pixel_seconds: pixels of the sensor times seconds of the measurement.
    """
    ordered = np.sort(counts)  # np.quantile takes ten times as long for so few
    below, part = divmod(QUIETEST * (len(ordered) - 1), 1.0)
    low, high = ordered[int(below) : int(below) + 2]
    return float(low + part * (high - low)) * GRID * GRID / pixel_seconds


def check_noise(background_hz: float, usual_hz: float, ratio: float, noise_hz: float,
                ) -> Finding | None:  # fmt: skip
    """Find events where there is nothing to see: the quietest regions far busier than usual."""
    threshold = max(ratio * usual_hz, noise_hz)
    if background_hz <= threshold:
        return None
    return finding(
        "event_noise",
        background_hz,
        threshold,
        unit="events per pixel and second",
        message=f"{background_hz:.3g} noise events per pixel and second, usually {usual_hz:.3g}",
        remedy="raise the contrast thresholds; look for flickering light, rain and heat",
    )


def check_blocked(share: float, usual: float, max_more: float) -> Finding | None:
    """Find regions from which not even noise comes, while it comes from the others."""
    if usual > OFTEN_SILENT or share <= usual + max_more or share > MOST_BLOCKED:
        return None
    return finding(
        "event_blocked",
        share,
        usual + max_more,
        unit="share of cells",
        message=f"{share:.0%} of the sensor sees nothing, not even noise, usually {usual:.0%}",
        remedy="clean the lens; see what stands before the camera; check the region of interest",
    )


class EventCells:
    """The detectors of an event camera's regions, with what is usual for them."""

    __slots__ = ("_background", "_counts", "_silent", "_silent_ns", "_thresholds", "_watched_ns")

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._background = Baseline(rate=0.02, rate_in_fault=0.005)
        self._silent = Baseline(rate=0.02, rate_in_fault=0.005)
        self._silent_ns = np.zeros(GRID * GRID, np.int64)
        self._watched_ns = 0
        self._counts = np.zeros(GRID * GRID)

    def add(self, record: EventRecord) -> None:
        """Take a packet into the measurement."""
        self._counts += cell_counts(record.events, record.width, record.height)

    def judge(self, measured_ns: int, record: EventRecord) -> Results:
        """Judge what was taken in over ``measured_ns`` and begin anew.

        Args:
            measured_ns: time since the last measurement.
            record: the last packet.
        """
        counts, self._counts = self._counts, np.zeros(GRID * GRID)
        self._silent_ns = np.where(counts > 0, 0, self._silent_ns + measured_ns)
        self._watched_ns += measured_ns
        pixel_seconds = max(1, record.width * record.height) * measured_ns / 1e9
        return {
            "event_noise": self._check_noise(measure_background_hz(counts, pixel_seconds)),
            "event_blocked": self._check_blocked(),
        }

    def _check_noise(self, background_hz: float) -> Finding | None:
        limits, known = self._thresholds, self._background.value
        usual = background_hz if known is None else known
        noise = check_noise(
            background_hz, usual, limits.event_noise_ratio, limits.event_noise_rate_hz
        )
        self._background.learn(background_hz, in_fault=noise is not None)
        return noise

    def _check_blocked(self) -> Finding | None:
        limits = self._thresholds
        if self._watched_ns < limits.event_silent_s * 1e9:
            return None
        share = float(np.mean(self._silent_ns >= limits.event_silent_s * 1e9))
        usual = share if self._silent.value is None else self._silent.value
        blocked = check_blocked(share, usual, limits.event_blocked_share)
        self._silent.learn(share, in_fault=blocked is not None)
        return blocked
