"""A simulated drive, rendered ahead: the readings of the rig in the order in which they are out."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.recording.drive import Reading, period_readings
from anyseg_core.types import EventArray, EventRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyseg_core.simulation import SimulatedRig
    from anyseg_core.types import Record, UInt8Array


@dataclass(frozen=True, slots=True)
class Tick:
    """One period of the rig; all times count from the start of the drive.

    Attributes:
        t_ns: the end of the period, when the images are measured.
        readings: in the order in which they are out, the truth at ``t_ns`` among them.
    """

    t_ns: int
    readings: tuple[Reading, ...]

    def later(self, by_ns: int) -> Tick:
        """Return the same tick, ``by_ns`` later."""
        moved = tuple(
            Reading(one.sensor, one.out_ns + by_ns, _shifted(one.record, by_ns))
            for one in self.readings
        )
        return Tick(self.t_ns + by_ns, moved)


def drive(rig: SimulatedRig, period_ns: int, packet_ns: int) -> Iterator[Tick]:
    """Render on and on, as fast as ticks are taken."""
    for number in itertools.count(1):
        t_ns = number * period_ns
        yield Tick(t_ns, tuple(period_readings(rig, t_ns, period_ns, packet_ns)))


def repeat(clip: list[Tick], period_ns: int) -> Iterator[Tick]:
    """Play a clip again and again under times that go on; the street jumps back, the clock not."""
    for lap in itertools.count():
        for tick in clip:
            yield tick.later(lap * len(clip) * period_ns)


def shift_record(record: Record, by_ns: int) -> Record:
    """Return a reading moved in time, the times of its events with it."""
    if isinstance(record, EventRecord):
        events = record.events
        moved = EventArray(events.x, events.y, events.t_ns + by_ns, events.p)
        return replace(record, stamp_ns=record.stamp_ns + by_ns, events=moved)
    return replace(record, stamp_ns=record.stamp_ns + by_ns)


def _shifted(record: Record | UInt8Array, by_ns: int) -> Record | UInt8Array:
    return record if isinstance(record, np.ndarray) else shift_record(record, by_ns)
