"""What events show of their pixels: hot ones, and a sensor that sees coarser than it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.health.baseline import Baseline
from anyseg_core.health.detectors import finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.health.config import Thresholds
    from anyseg_core.health.inspector import Results
    from anyseg_core.health.verdict import Finding
    from anyseg_core.types import EventRecord

MOST_EVENTS = 65_536
"""Events of one measurement that are looked at."""

EVENTS_PER_LINE = 4
"""So many events per row or column, and hardly one is without any in a scene that moves."""


def measure_hot_share(pixels: NDArray[np.intp], least: float) -> float:
    """Return the share of events on pixels that fired ``least`` times or more.

    Args:
        pixels: index of each event's pixel, [N].
        least: times.
    """
    if not len(pixels):
        return 0.0
    counts = np.bincount(pixels)
    return float(counts[counts >= least].sum()) / len(pixels)


def measure_lines_used(pixels: NDArray[np.intp], width: int) -> float:
    """Return the share of columns, or of rows if more, with an event, between first and last."""
    row = pixels // max(1, width)  # by one number: several times as fast as numpy's divmod
    return max(_lines_used(pixels - row * max(1, width)), _lines_used(row))


def _lines_used(line: NDArray[np.intp]) -> float:
    counts = np.bincount(line)
    first = int(np.argmax(counts > 0))
    return np.count_nonzero(counts) / (len(counts) - first)


def check_hot_pixels(share: float, usual: float, max_more: float) -> Finding | None:
    """Find more events from a few very busy pixels than usual."""
    if share <= usual + max_more:
        return None
    return finding(
        "event_hot_pixels",
        share,
        usual + max_more,
        unit="share of events",
        message=f"{share:.0%} of the events are from hot pixels, usually {usual:.0%}",
        remedy="mask the hot pixels in the driver; look for flickering light; cool the sensor",
    )


def check_low_resolution(used: float, usual: float, min_ratio: float) -> Finding | None:
    """Find events on fewer of the columns and rows than usual."""
    if used >= min_ratio * usual:
        return None
    return finding(
        "event_low_resolution",
        used,
        min_ratio * usual,
        unit="share of lines",
        message=f"events on {used:.0%} of the lines, usually {usual:.0%}",
        remedy="see whether binning or subsampling is set in the driver",
    )


class EventPixels:
    """The detectors of an event camera's pixels, with what is usual for it."""

    __slots__ = ("_count", "_hot", "_lines", "_pixels", "_seen", "_thresholds")

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._hot = Baseline(rate=0.02, rate_in_fault=0.005)
        self._lines = Baseline(rate=0.02, rate_in_fault=0.005)
        self._pixels: list[NDArray[np.intp]] = []
        self._count = 0
        self._seen = np.zeros(0, np.intp)

    def add(self, record: EventRecord) -> None:
        """Take a packet into the measurement."""
        room = MOST_EVENTS - self._count
        if room > 0 and len(record.events):
            events = record.events
            column = events.x[:room].astype(np.intp)
            self._pixels.append(events.y[:room].astype(np.intp) * record.width + column)
            self._count += len(column)

    def judge(self, measured_ns: int, record: EventRecord) -> Results:
        """Judge what was taken in over ``measured_ns`` and begin anew.

        A coarse sensor fires less, so its events are gathered over several measurements.
        """
        limits = self._thresholds
        pixels = np.concatenate([np.zeros(0, np.intp), *self._pixels])
        self._pixels, self._count = [], 0
        share = measure_hot_share(pixels, limits.event_hot_rate_hz * measured_ns / 1e9)
        usual = self._hot.value
        hot = check_hot_pixels(share, share if usual is None else usual, limits.event_hot_share)
        self._hot.learn(share, in_fault=hot is not None)
        results: Results = {"event_hot_pixels": hot}
        self._seen = np.concatenate([self._seen, pixels])
        if len(self._seen) >= EVENTS_PER_LINE * max(record.width, record.height):
            results["event_low_resolution"] = self._check_lines(self._seen, record.width)
            self._seen = self._seen[:0]
        return results

    def _check_lines(self, pixels: NDArray[np.intp], width: int) -> Finding | None:
        used = measure_lines_used(pixels, width)
        usual = self._lines.value
        coarse = check_low_resolution(
            used, used if usual is None else usual, self._thresholds.event_low_resolution_ratio
        )
        self._lines.learn(used, in_fault=coarse is not None)
        return coarse
