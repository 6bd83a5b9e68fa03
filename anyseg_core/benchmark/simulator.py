"""The simulator's speed: one whole frame of all sensors, and a recorded second of them."""

from __future__ import annotations

from itertools import count, repeat
from typing import TYPE_CHECKING

from anyseg_core.benchmark.measure import Case
from anyseg_core.processes import local_processes, usable_cores
from anyseg_core.recording.drive import PERIOD_NS, STRETCH, render
from anyseg_core.simulation import RigConfig, SimulatedRig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor

_SIDE_PX = 256
_SMALLEST_PX = 32
_LEAST_FRAMES_PER_S = 5.0
_CONDITIONS = ("cloud", "night")


def simulator_cases(scale: float) -> Iterator[Case]:
    """Give, for day and for night, one frame here and ten of a bag, ready to run.

    A frame is a tenth of a second of the rig: RGB, depth, LiDAR, labels and the events since the
    frame before. At 256 x 256 on 2 cores 5 frames a second are asked for, where there is more than
    one to render: a bag's are rendered by a process on each core.

    Args:
        scale: 1 for 256 x 256, less for a quick look.
    """
    side, cores = max(_SMALLEST_PX, round(scale * _SIDE_PX)), usable_cores()
    for condition in _CONDITIONS:
        config = RigConfig(width=side, height=side, condition=condition)
        yield _frame(config)
        with local_processes(cores) as pool:
            yield _frames_of_a_bag(config, pool, cores)


def _frame(config: RigConfig) -> Case:
    rig, number = SimulatedRig(config), count(1)

    def work() -> None:
        t_ns = next(number) * PERIOD_NS
        rig.events(t_ns - PERIOD_NS, t_ns)
        rig.rgb(t_ns)
        rig.depth(t_ns)
        rig.labels(t_ns)
        rig.lidar(t_ns - PERIOD_NS // 2)

    size = f"{config.width} x {config.height}"
    return Case(f"one frame of the simulated rig, {config.condition}, {size}", work, 0, ())


def _frames_of_a_bag(config: RigConfig, pool: Executor, workers: int) -> Case:
    """One stretch of a drive for each process, as a bag is rendered."""
    first = count(1, STRETCH)

    def work() -> None:
        starts = [next(first) * PERIOD_NS for _ in range(workers)]
        stretches = [range(t_ns, t_ns + STRETCH * PERIOD_NS, PERIOD_NS) for t_ns in starts]
        for _ in pool.map(render, repeat(config), stretches):
            pass

    work()  # the processes start, and make their streets
    name = f"{workers * STRETCH} frames of a bag, {workers} processes, {config.condition}"
    size = f"{config.width} x {config.height}"
    return Case(f"{name}, {size}", work, workers * STRETCH, (), _LEAST_FRAMES_PER_S)
