"""The readings of a simulated drive, in the order in which a real rig would give them out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING

from anyseg_core.processes import local_processes
from anyseg_core.simulation import SimulatedRig

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from anyseg_core.simulation import RigConfig
    from anyseg_core.types import Record, UInt8Array

PERIOD_NS = 100_000_000
"""Of RGB, depth and LiDAR."""

PACKET_NS = 20_000_000
"""Of the event packets."""

DEPTH_LAG_NS = 6_000_000
"""What a depth camera needs to compute an image that was measured with the RGB image."""

STRETCH = 5
"""Periods that one process renders: neighbours share a view, fewer are shared out better."""

_AHEAD = 2
"""Stretches for each process that may wait to be taken."""


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


def drive(config: RigConfig, duration_ns: int, workers: int = 1) -> Iterator[Reading]:
    """Yield every reading of a drive, by the time at which it is given out.

    Args:
        config: street, image size, weather and sensors.
        duration_ns: length of the drive.
        workers: processes that render at the same time, a stretch of the way each.

    Raises:
        MissingDependencyError: the simulator's ray caster is not installed.
    """
    ticks_ns = range(PERIOD_NS, duration_ns + 1, PERIOD_NS)
    stretches = [ticks_ns[i : i + STRETCH] for i in range(0, len(ticks_ns), STRETCH)]
    workers = min(workers, len(stretches))
    if workers > 1:
        yield from _drive_in_processes(config, stretches, workers)
        return
    rig = SimulatedRig(config)
    for t_ns in ticks_ns:
        yield from period_readings(rig, t_ns)


def _drive_in_processes(
    config: RigConfig, stretches: Sequence[range], workers: int
) -> Iterator[Reading]:
    with local_processes(workers) as pool:
        begun: deque[Future[list[Reading]]] = deque()
        for stretch in stretches:
            begun.append(pool.submit(render, config, stretch))
            if len(begun) > _AHEAD * workers:  # what waits to be taken takes memory
                yield from begun.popleft().result()
        while begun:
            yield from begun.popleft().result()


def render(config: RigConfig, ticks_ns: range) -> list[Reading]:
    """Return the readings of the periods that end at these instants; the rig is kept."""
    rig = _rig(config)
    return [reading for t_ns in ticks_ns for reading in period_readings(rig, t_ns)]


@lru_cache(maxsize=1)
def _rig(config: RigConfig) -> SimulatedRig:
    return SimulatedRig(config)


def period_readings(
    rig: SimulatedRig, t_ns: int, period_ns: int = PERIOD_NS, packet_ns: int = PACKET_NS
) -> list[Reading]:
    """Return the readings of the period that ends at an instant, in the order of a drive.

    The sensors are not triggered together: a sweep is measured half a period before the images,
    and a depth image comes a little after the RGB image of the same instant.
    """
    sweep_ns = t_ns - period_ns // 2
    readings = [
        Reading("lidar", sweep_ns, rig.lidar(sweep_ns)),
        Reading("rgb", t_ns, rig.rgb(t_ns)),
        Reading("labels", t_ns, rig.labels(t_ns)),
        Reading("depth", t_ns + DEPTH_LAG_NS, rig.depth(t_ns)),
    ]
    for start_ns in range(t_ns - period_ns, t_ns, packet_ns):
        end_ns = min(start_ns + packet_ns, t_ns)
        readings.append(Reading("event", end_ns, rig.events(start_ns, end_ns)))
    return sorted(readings, key=attrgetter("out_ns"))
