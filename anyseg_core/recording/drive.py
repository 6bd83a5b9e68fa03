"""The readings of a simulated drive, in the order in which a real rig would give them out."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyseg_core.simulation import SimulatedRig
    from anyseg_core.types import Record, UInt8Array

PERIOD_NS = 100_000_000
"""Of RGB, depth and LiDAR."""

PACKET_NS = 20_000_000
"""Of the event packets."""

DEPTH_LAG_NS = 6_000_000
"""What a depth camera needs to compute an image that was measured with the RGB image."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One sensor's reading, or with ``sensor`` "labels" the true classes.

    Attributes:
        sensor: a modality, or "labels".
        out_ns: when it is given out, since the start of the drive.
        record: the reading; with "labels" uint8 [H, W] of the instant ``out_ns``.
    """

    sensor: str
    out_ns: int
    record: Record | UInt8Array


def drive(rig: SimulatedRig, duration_ns: int) -> Iterator[Reading]:
    """Yield every reading of a drive, by the time at which it is given out.

    The sensors are not triggered together: a sweep is measured half a period before the images,
    and a depth image comes a little after the RGB image of the same instant.
    """
    for t_ns in range(PERIOD_NS, duration_ns + 1, PERIOD_NS):
        sweep_ns = t_ns - PERIOD_NS // 2
        readings = [
            Reading("lidar", sweep_ns, rig.lidar(sweep_ns)),
            Reading("rgb", t_ns, rig.rgb(t_ns)),
            Reading("labels", t_ns, rig.labels(t_ns)),
            Reading("depth", t_ns + DEPTH_LAG_NS, rig.depth(t_ns)),
        ]
        for start_ns in range(t_ns - PERIOD_NS, t_ns, PACKET_NS):
            end_ns = start_ns + PACKET_NS
            readings.append(Reading("event", end_ns, rig.events(start_ns, end_ns)))
        yield from sorted(readings, key=attrgetter("out_ns"))
