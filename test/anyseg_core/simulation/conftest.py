"""Small rigs that the simulator's tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anyseg_core.errors import MissingDependencyError
from anyseg_core.simulation import RigConfig, SimulatedRig
from anyseg_core.simulation.raycasting import import_open3d

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="session")
def make_rig() -> Callable[..., SimulatedRig]:
    """Return a maker of 96 x 96 rigs that keeps those it has made."""
    try:
        import_open3d()
    except MissingDependencyError as error:
        pytest.skip(str(error))
    made: dict[tuple[int, str], SimulatedRig] = {}

    def make(seed: int = 0, condition: str = "cloud", *, fresh: bool = False) -> SimulatedRig:
        config = RigConfig(
            seed=seed, width=96, height=96, condition=condition, lidar_beams=24, lidar_columns=360
        )
        if fresh:
            return SimulatedRig(config)
        if (seed, condition) not in made:
            made[seed, condition] = SimulatedRig(config)
        return made[seed, condition]

    return make


@pytest.fixture
def rig(make_rig: Callable[..., SimulatedRig]) -> SimulatedRig:
    return make_rig()
