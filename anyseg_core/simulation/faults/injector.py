"""Puts scheduled faults into streams of readings."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.errors import RecordError
from anyseg_core.simulation.faults.corruption import corrupt
from anyseg_core.types import (
    DepthRecord,
    EventFrameRecord,
    EventRecord,
    LidarRecord,
    Record,
    RgbRecord,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyseg_core.simulation.faults.fault import Fault

_DELAY_NS = 1_000_000_000
_JUMP_NS = 5_000_000_000
_MOST_LOST = 0.6

_RECORDS: dict[str, tuple[type[Record], ...]] = {
    "rgb": (RgbRecord,),
    "depth": (DepthRecord,),
    "event": (EventRecord, EventFrameRecord),
    "lidar": (LidarRecord,),
}


class FaultInjector:
    """Stands between sensors and whoever reads them.

    The same calls in the same order give the same readings. Besides the faults of content
    (``corrupt``) it has those of timing, which need a memory:

    - dropout: nothing is let through.
    - freeze: the last reading before the fault is repeated under new stamps; where there is none,
      the first one within the fault.
    - delay: each reading is held back by up to 1 s, the order is kept.
    - rate_drop: one of up to 10 readings is let through.
    - packet_loss: up to 60 % of the readings are lost, drawn one by one.
    - stamp_jump: stamps, and the times of events, run up to 5 s ahead.

    Args:
        faults: what happens when; several may overlap.
        seed: chooses everything that is random in the faults.
    """

    def __init__(self, faults: Sequence[Fault], seed: int = 0) -> None:
        self._faults, self._seed = tuple(faults), seed
        self._before: dict[str, Record] = {}
        self._count: dict[int, int] = {}
        self._held: dict[str, deque[tuple[int, Record]]] = {}

    def active(self, sensor: str, t_ns: int) -> tuple[Fault, ...]:
        """Return the faults that a sensor has at a time."""
        return tuple(f for f in self._faults if f.sensor == sensor and f.active(t_ns))

    def apply(self, sensor: str, record: Record, t_ns: int) -> tuple[Record, ...]:
        """Take in one reading and return those that come out now, the oldest first.

        Args:
            sensor: one of ``types.MODALITIES``.
            record: the reading as the driver gave it; it is not changed.
            t_ns: when it arrives, since the start of the run; it never runs backward.

        Returns:
            Usually the reading itself. It is empty where a fault withholds it, and holds earlier
            readings as well where a delay has just run out.

        Raises:
            RecordError: if the reading is none of that sensor.
        """
        if not isinstance(record, _RECORDS.get(sensor, ())):
            raise RecordError(
                f"a {type(record).__name__} of sensor {sensor!r}",
                "a reading of the sensor that is named",
                "pass rgb, depth, event or lidar with its own kind of record",
            )
        faults = self.active(sensor, t_ns)
        changed: Record | None = record
        for fault in faults:
            if changed is None:
                break
            changed = self._change(changed, fault)
        if not any(fault.kind == "freeze" for fault in faults):
            self._before[sensor] = record
        if changed is not None:
            self._hold(sensor, changed, t_ns, faults)
        return self.release(sensor, t_ns)

    def release(self, sensor: str, t_ns: int) -> tuple[Record, ...]:
        """Return the readings whose delay has run out by ``t_ns``, the oldest first."""
        held, out = self._held.get(sensor, deque()), []
        while held and held[0][0] <= t_ns:
            out.append(held.popleft()[1])
        return tuple(out)

    def _change(self, record: Record, fault: Fault) -> Record | None:
        if fault.kind == "dropout":
            return None
        if fault.kind == "freeze":
            frozen = self._before.setdefault(fault.sensor, record)
            return _restamped(frozen, record.stamp_ns)
        if fault.kind == "rate_drop":
            key = self._faults.index(fault)
            seen = self._count.get(key, 0)
            self._count[key] = seen + 1
            return None if seen % (2 + round(8 * fault.severity)) else record
        if fault.kind == "packet_loss":
            draw = np.random.default_rng([self._seed, record.stamp_ns % 2**64])
            return None if draw.random() < _MOST_LOST * fault.severity else record
        if fault.kind == "stamp_jump":
            return _restamped(record, record.stamp_ns + round(_JUMP_NS * fault.severity))
        return corrupt(record, fault, self._seed)

    def _hold(self, sensor: str, record: Record, t_ns: int, faults: Sequence[Fault]) -> None:
        wait = sum(round(_DELAY_NS * fault.severity) for fault in faults if fault.kind == "delay")
        held = self._held.setdefault(sensor, deque())
        due = t_ns + wait
        held.append((max(due, held[-1][0]) if held else due, record))


def _restamped(record: Record, stamp_ns: int) -> Record:
    """Return a reading under another stamp; the times of events and points move with it."""
    if isinstance(record, EventRecord):
        shifted = record.events.t_ns + (stamp_ns - record.stamp_ns)
        events = replace(record.events, t_ns=shifted)
        return replace(record, stamp_ns=stamp_ns, events=events)
    if isinstance(record, LidarRecord) and record.point_t_ns is not None:
        times = record.point_t_ns + (stamp_ns - record.stamp_ns)
        return replace(record, stamp_ns=stamp_ns, point_t_ns=times)
    return replace(record, stamp_ns=stamp_ns)
