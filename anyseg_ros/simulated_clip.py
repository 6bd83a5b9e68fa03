"""A simulated drive, rendered ahead: the readings of the rig in the order in which they are out."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING

from anyseg_core.types import EventArray, EventRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyseg_core.simulation import SimulatedRig
    from anyseg_core.types import Record, UInt8Array


DEPTH_LAG_NS = 6_000_000
"""What a depth camera needs to compute an image that was measured with the RGB image."""


@dataclass(frozen=True, slots=True)
class Tick:
    """One period of the rig; all times count from the start of the drive.

    Attributes:
        t_ns: the end of the period, when the images are measured.
        records: (sensor, when it is out, reading), oldest first.
        labels: uint8 [H, W], the truth at ``t_ns``.
    """

    t_ns: int
    records: tuple[tuple[str, int, Record], ...]
    labels: UInt8Array

    def later(self, by_ns: int) -> Tick:
        """Return the same tick, ``by_ns`` later."""
        moved = tuple(
            (sensor, out_ns + by_ns, shift_record(record, by_ns))
            for sensor, out_ns, record in self.records
        )
        return Tick(self.t_ns + by_ns, moved, self.labels)


def render_tick(rig: SimulatedRig, t_ns: int, period_ns: int, packet_ns: int) -> Tick:
    """Render the period that ends at ``t_ns``.

    As on a real rig the sensors are not triggered together: the sweep is measured half a period
    before the images, and the depth image comes a little after the RGB image of the same instant.
    """
    sweep_ns = t_ns - period_ns // 2
    records: list[tuple[str, int, Record]] = [
        ("lidar", sweep_ns, rig.lidar(sweep_ns)),
        ("rgb", t_ns, rig.rgb(t_ns)),
        ("depth", t_ns + DEPTH_LAG_NS, rig.depth(t_ns)),
    ]
    for start_ns in range(t_ns - period_ns, t_ns, packet_ns):
        end_ns = min(start_ns + packet_ns, t_ns)
        records.append(("event", end_ns, rig.events(start_ns, end_ns)))
    records.sort(key=itemgetter(1))
    return Tick(t_ns, tuple(records), rig.labels(t_ns))


def drive(rig: SimulatedRig, period_ns: int, packet_ns: int) -> Iterator[Tick]:
    """Render on and on, as fast as ticks are taken."""
    for number in itertools.count(1):
        yield render_tick(rig, number * period_ns, period_ns, packet_ns)


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
