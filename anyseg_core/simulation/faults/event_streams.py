"""Faults of event packets: functions from events to events, kept in order of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.simulation.faults.images import blocked
from anyseg_core.types import EventArray

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_SHORTEST_NS = 1_000_000


def _kept(events: EventArray, keep: ArrayLike) -> EventArray:
    index = np.asarray(keep)
    return EventArray(events.x[index], events.y[index], events.t_ns[index], events.p[index])


def nothing(events: EventArray) -> EventArray:
    """Lose every event: a covered lens, or biases that let nothing through."""
    return _kept(events, np.zeros(0, np.intp))


def truncated(events: EventArray, severity: float) -> EventArray:
    """Cut the packet short: up to 97 % of the events, the last ones, are not there."""
    return _kept(events, np.arange(round(len(events) * (1.0 - 0.97 * severity))))


def low_resolution(events: EventArray, severity: float, rng: np.random.Generator) -> EventArray:
    """See with blocks of 2 x 2 to 8 x 8 pixels: events move to their block's first pixel.

    As many are lost as a coarser sensor would not fire: all but one of a block's width.
    """
    factor = 2 + round(6 * severity)
    kept = _kept(events, np.flatnonzero(rng.random(len(events)) < 1.0 / factor))
    x, y = kept.x // factor * factor, kept.y // factor * factor
    return EventArray(x.astype(np.uint16), y.astype(np.uint16), kept.t_ns, kept.p)


def blocked_region(events: EventArray, size: tuple[int, int], severity: float,
                   rng: np.random.Generator) -> EventArray:  # fmt: skip
    """Lose the events of up to half of the sensor; ``size`` is width and height."""
    covered = blocked((size[1], size[0]), severity, rng)
    return _kept(events, ~covered[events.y, events.x])


def noise(events: EventArray, size: tuple[int, int], start_ns: int, severity: float,
          rng: np.random.Generator) -> EventArray:  # fmt: skip
    """Add a storm: up to 4 events for each there is, and one for every second pixel."""
    count = round(severity * (4 * len(events) + 0.5 * size[0] * size[1]))
    return _with(
        events,
        rng.integers(0, size[0], count),
        rng.integers(0, size[1], count),
        start_ns,
        rng,
    )


def hot_pixels(events: EventArray, size: tuple[int, int], start_ns: int, severity: float,
               where: np.random.Generator, rng: np.random.Generator) -> EventArray:  # fmt: skip
    """Let up to 1 % of the pixels fire about 40 times; ``where`` draws the same pixels always."""
    pixels = size[0] * size[1]
    hot = where.choice(pixels, max(1, round(0.01 * severity * pixels)), replace=False)
    fired = np.repeat(hot, rng.poisson(40.0, len(hot)))
    return _with(events, fired % size[0], fired // size[0], start_ns, rng)


def _with(events: EventArray, x: ArrayLike, y: ArrayLike, start_ns: int,
          rng: np.random.Generator) -> EventArray:  # fmt: skip
    """Add events at random times within the packet's span."""
    column, row = np.asarray(x, np.uint16), np.asarray(y, np.uint16)
    first = int(events.t_ns[0]) if len(events) else start_ns
    last = int(events.t_ns[-1]) if len(events) else start_ns
    time = rng.integers(first, max(last, first + _SHORTEST_NS), len(column))
    sign = rng.integers(0, 2, len(column)).astype(np.uint8)
    all_time = np.concatenate([events.t_ns, time])
    order = np.argsort(all_time, kind="stable")
    return EventArray(
        np.concatenate([events.x, column])[order],
        np.concatenate([events.y, row])[order],
        all_time[order],
        np.concatenate([events.p, sign])[order],
    )
