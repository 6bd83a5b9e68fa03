"""Faults of an event camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.health.baseline import Baseline
from anyseg_core.health.detectors import finding
from anyseg_core.health.event_cells import EventCells
from anyseg_core.health.event_pixels import EventPixels
from anyseg_core.health.frozen import RepeatCounter, check_frozen
from anyseg_core.types import EventFrameRecord, EventRecord

if TYPE_CHECKING:
    from anyseg_core.health.config import Thresholds
    from anyseg_core.health.inspector import Results
    from anyseg_core.health.verdict import Finding

MEASURED_NS = 50_000_000
"""Time over which a rate is measured: packets of a millisecond say little one by one."""


def check_collapse(
    rate_hz: float, usual_rate_hz: float, min_ratio: float, least_rate_hz: float
) -> Finding | None:
    """Find an event rate far below the usual one; rates are per pixel and second.

    A camera whose usual rate is below ``least_rate_hz`` is at rest, and silent with every right.
    """
    if usual_rate_hz < least_rate_hz or rate_hz >= min_ratio * usual_rate_hz:
        return None
    return finding(
        "event_collapse",
        rate_hz,
        min_ratio * usual_rate_hz,
        unit="events per pixel and second",
        message=f"{rate_hz:.3g} events per pixel and second, usually {usual_rate_hz:.3g}",
        remedy="none where the robot stands still; else check lens, biases and packet loss",
    )


def check_storm(
    rate_hz: float, usual_rate_hz: float, max_ratio: float, storm_rate_hz: float
) -> Finding | None:
    """Find an event rate far above the usual one and high by itself, per pixel and second."""
    threshold = max(max_ratio * usual_rate_hz, storm_rate_hz)
    if rate_hz <= threshold:
        return None
    return finding(
        "event_storm",
        rate_hz,
        threshold,
        unit="events per pixel and second",
        message=f"{rate_hz:.3g} events per pixel and second, usually {usual_rate_hz:.3g}",
        remedy="look for flickering light; raise the contrast thresholds or limit the rate",
    )


class EventInspector:
    """The detectors of an event camera, with the event rate that is usual for it.

    Event frames that a driver rendered carry no rate; of these only the times are checked.
    """

    __slots__ = (
        "_cells",
        "_events",
        "_last_stamp_ns",
        "_measured_ns",
        "_pixels",
        "_rate",
        "_repeats",
        "_thresholds",
    )

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._rate = Baseline(rate=0.02)
        self._pixels = EventPixels(thresholds)
        self._cells = EventCells(thresholds)
        self._repeats = RepeatCounter()
        self._last_stamp_ns: int | None = None
        self._measured_ns = 0
        self._events = 0

    @property
    def moving(self) -> bool:
        """Never known: noise alone makes every packet another one."""
        return False

    def inspect(self, record: EventRecord | EventFrameRecord) -> Results:
        """Look at one packet; the rate is judged each time enough of it was seen."""
        if isinstance(record, EventFrameRecord):
            return {}
        repeats = self._repeats.count(np.stack([record.events.x, record.events.y]))
        frozen = check_frozen("event_frozen", repeats, self._thresholds.frozen_repeats)
        return {"event_frozen": frozen} | self._measure(record)

    def _measure(self, record: EventRecord) -> Results:
        last, self._last_stamp_ns = self._last_stamp_ns, record.stamp_ns
        if last is None or record.stamp_ns <= last:
            return {}
        self._measured_ns += record.stamp_ns - last
        self._events += len(record.events)
        self._pixels.add(record)
        self._cells.add(record)
        if self._measured_ns < MEASURED_NS:
            return {}
        pixel_seconds = max(1, record.width * record.height) * self._measured_ns / 1e9
        rate_hz = self._events / pixel_seconds
        results = self._judge(rate_hz)
        results |= self._pixels.judge(self._measured_ns, record)
        results |= self._cells.judge(self._measured_ns, record)
        self._measured_ns = self._events = 0
        return results

    def _judge(self, rate_hz: float) -> Results:
        limits, known = self._thresholds, self._rate.value
        usual = rate_hz if known is None else known
        collapse = check_collapse(
            rate_hz, usual, limits.event_collapse_ratio, limits.event_least_rate_hz
        )
        storm = check_storm(rate_hz, usual, limits.event_storm_ratio, limits.event_storm_rate_hz)
        self._rate.learn(rate_hz, in_fault=collapse is not None or storm is not None)
        return {"event_collapse": collapse, "event_storm": storm}
