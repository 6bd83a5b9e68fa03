"""What events show of their pixels: hot ones, and a sensor that sees coarser than it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.health.baseline import Baseline
from anyseg_core.health.detectors import finding
from anyseg_core.kernels import array_in, array_out, constants_in, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.health.config import Thresholds
    from anyseg_core.health.inspector import Results
    from anyseg_core.health.verdict import Finding
    from anyseg_core.types import BoolArray, EventRecord

MOST_EVENTS = 65_536
"""Events of one measurement that are looked at."""

EVENTS_PER_LINE = 4
"""So many events per row or column, and hardly one is without any in a scene that moves."""


def measure_hot_share(pixels: NDArray[np.int32], least: float) -> float:
    """Return the share of events on pixels that fired ``least`` times or more.

    Args:
        pixels: index of each event's pixel, [N].
        least: times.
    """
    if not len(pixels):
        return 0.0
    return _count_busy(pixels, np.zeros(int(pixels.max()) + 1, np.int32), least) / len(pixels)


@kernel((constants_in("int32", 1), array_out("int32", 1), "float64"))
def _count_busy(pixels: NDArray[np.int32], counts: NDArray[np.int32], least: float) -> int:
    for pixel in pixels:
        counts[pixel] += 1
    busy = 0
    for pixel in pixels:
        if counts[pixel] >= least:
            busy += 1
    return busy


def measure_lines_used(columns: BoolArray, rows: BoolArray) -> float:
    """Return the share of columns, or of rows if more, with an event, between first and last.

    Args:
        columns: which columns had an event, [W].
        rows: which rows had one, [H].
    """
    return max(_share_between(columns), _share_between(rows))


def _share_between(used: BoolArray) -> float:
    (lines,) = np.nonzero(used)
    return len(lines) / int(lines[-1] - lines[0] + 1) if len(lines) else 0.0


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

    __slots__ = ("_columns", "_count", "_hot", "_lines", "_pixels", "_rows", "_seen", "_thresholds")

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._hot = Baseline(rate=0.02, rate_in_fault=0.005)
        self._lines = Baseline(rate=0.02, rate_in_fault=0.005)
        self._pixels = np.zeros(MOST_EVENTS, np.int32)
        self._count = self._seen = 0
        self._columns, self._rows = np.zeros(0, np.bool_), np.zeros(0, np.bool_)

    def add(self, record: EventRecord) -> None:
        """Take a packet into the measurement; what lies beside the sensor is left out."""
        if (len(self._columns), len(self._rows)) != (record.width, record.height):
            self._columns = np.zeros(record.width, np.bool_)
            self._rows = np.zeros(record.height, np.bool_)
            self._count = self._seen = 0
        room = MOST_EVENTS - self._count
        x, y = record.events.x[:room], record.events.y[:room]
        self._count += _take(x, y, self._pixels[self._count :], self._columns, self._rows)

    def judge(self, measured_ns: int, record: EventRecord) -> Results:
        """Judge what was taken in over ``measured_ns`` and begin anew.

        A coarse sensor fires less, so its events are gathered over several measurements.
        """
        limits = self._thresholds
        pixels = self._pixels[: self._count]
        share = measure_hot_share(pixels, limits.event_hot_rate_hz * measured_ns / 1e9)
        usual = self._hot.value
        hot = check_hot_pixels(share, share if usual is None else usual, limits.event_hot_share)
        self._hot.learn(share, in_fault=hot is not None)
        results: Results = {"event_hot_pixels": hot}
        self._seen += self._count
        self._count = 0
        if self._seen >= EVENTS_PER_LINE * max(record.width, record.height):
            results["event_low_resolution"] = self._check_lines()
            self._columns[:] = self._rows[:] = False
            self._seen = 0
        return results

    def _check_lines(self) -> Finding | None:
        used = measure_lines_used(self._columns, self._rows)
        usual = self._lines.value
        coarse = check_low_resolution(
            used, used if usual is None else usual, self._thresholds.event_low_resolution_ratio
        )
        self._lines.learn(used, in_fault=coarse is not None)
        return coarse


@kernel((
    array_in("uint16", 1), array_in("uint16", 1), array_out("int32", 1),
    array_out("boolean", 1), array_out("boolean", 1),
))  # fmt: skip
def _take(
    x: NDArray[np.uint16],
    y: NDArray[np.uint16],
    pixels: NDArray[np.int32],
    columns: BoolArray,
    rows: BoolArray,
) -> int:
    """Write the events' pixels and mark their lines, and return how many there are."""
    width, count = len(columns), 0
    for i in range(len(x)):
        if x[i] < width and y[i] < len(rows):
            pixels[count] = y[i] * width + x[i]
            columns[x[i]] = rows[y[i]] = True
            count += 1
    return count
