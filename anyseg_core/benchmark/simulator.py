"""The simulated rig's speed: one whole frame of all sensors."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from anyseg_core.benchmark.measure import Case
from anyseg_core.simulation import RigConfig, SimulatedRig

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIDE_PX = 256
_SMALLEST_PX = 32
_PERIOD_NS = 100_000_000
_CONDITIONS = ("cloud", "night")


def simulator_cases(scale: float) -> Iterator[Case]:
    """Give one case for day and one for night, ready to run.

    A frame is a tenth of a second of the rig: RGB, depth, LiDAR, labels and the events since the
    frame before. 200 ms or less is asked for at 256 x 256 on 2 cores: 5 frames a second.

    Args:
        scale: 1 for 256 x 256, less for a quick look.
    """
    side = max(_SMALLEST_PX, round(scale * _SIDE_PX))
    for condition in _CONDITIONS:
        yield _frame(RigConfig(width=side, height=side, condition=condition))


def _frame(config: RigConfig) -> Case:
    rig, number = SimulatedRig(config), count(1)

    def work() -> None:
        t_ns = next(number) * _PERIOD_NS
        rig.events(t_ns - _PERIOD_NS, t_ns)
        rig.rgb(t_ns)
        rig.depth(t_ns)
        rig.labels(t_ns)
        rig.lidar(t_ns - _PERIOD_NS // 2)

    size = f"{config.width} x {config.height}"
    return Case(f"one frame of the simulated rig, {config.condition}, {size}", work, 0, ())
