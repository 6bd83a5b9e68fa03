"""What lines a street: rows of houses, gardens, parks, walls, car parks.

A lot lies in its own axes: x along the street from 0 to its length, the side walk's edge at
y = 0, the lot behind it at y > 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from anyseg_core.simulation.buildings import building
from anyseg_core.simulation.furniture import bench, crates, fence, guard_rail
from anyseg_core.simulation.ground import KERB_M
from anyseg_core.simulation.materials import Material
from anyseg_core.simulation.meshes import Mesh, Surface, box, merged, ribbon
from anyseg_core.simulation.vegetation import bush, conifer, hedge, tree
from anyseg_core.simulation.vehicles import car, truck

Lot = Callable[[np.random.Generator, float], Mesh]

_LAWN = Surface("Terrain", Material.GRASS, (0.12, 0.19, 0.05))
_YARD = Surface("Ground", Material.GRAVEL, (0.30, 0.26, 0.21))
_QUAY = Surface("SideWalk", Material.PAVING, (0.34, 0.33, 0.31))
_POND = Surface("Water", Material.WATER, (0.03, 0.05, 0.05))


def _lawn(length: float, depth: float, surface: Surface = _LAWN) -> Mesh:
    return ribbon((0.0, length), (0.0, depth), KERB_M - 0.02, surface)


def town_houses(rng: np.random.Generator, length: float) -> Mesh:
    """Return houses wall to wall at the side walk's edge."""
    parts = [_lawn(length, 16.0, _YARD)]
    count = max(1, round(length / rng.uniform(9.0, 15.0)))
    width = length / count
    height = int(rng.integers(2, 6))
    for index in range(count):
        storeys = max(2, height + int(rng.integers(-1, 2)))
        house = building(rng, width - 0.02, 11.0, storeys)
        parts.append(house.moved((index * width, rng.uniform(0.05, 0.5), 0.0)))
    return merged(parts)


def villa(rng: np.random.Generator, length: float) -> Mesh:
    """Return a detached house behind a front garden with a fence or hedge."""
    width, set_back = min(0.7 * length, 14.0), rng.uniform(4.0, 7.0)
    parts = [_lawn(length, 24.0)]
    x = (length - width) / 2
    parts.append(building(rng, width, 9.0, int(rng.integers(1, 4))).moved((x, set_back, 0)))
    edge = [
        fence(length - 3.0, 1.05, wooden=True),
        fence(length - 3.0, 1.2, wooden=False),
        hedge(rng, length - 3.0, 1.2),
    ]
    parts.append(edge[int(rng.integers(3))].moved((0.2, 0.2, KERB_M - 0.02)))
    for _ in range(int(rng.integers(1, 4))):
        place = (rng.uniform(1.0, length - 1.0), rng.uniform(2.0, 3.5), 0.1)
        parts.append(bush(rng, rng.uniform(0.5, 1.0)).moved(place))
    parts.append(tree(rng, rng.uniform(5, 8)).moved((rng.uniform(0, length), 18.0, 0)))
    return merged(parts)


def park(rng: np.random.Generator, length: float) -> Mesh:
    """Return a lawn with trees, bushes, a bench and sometimes a pond."""
    depth = 32.0
    parts = [_lawn(length, depth)]
    chance = rng.uniform()
    if chance < 0.25:
        parts.append(guard_rail(length - 0.5).moved((0.2, 0.25, KERB_M - 0.02)))
    elif chance < 0.7:
        height = rng.uniform(0.8, 1.2)
        rail = fence(length - 1.0, height, wooden=False) if rng.uniform() < 0.5 else hedge(
            rng, length - 1.0, height
        )  # fmt: skip
        parts.append(rail.moved((0.5, 0.25, KERB_M - 0.02)))
    else:
        parts.append(bench().moved((0.5 * length, 1.5, KERB_M)))
    for _ in range(max(2, int(length / 4.5))):
        kind = conifer if rng.uniform() < 0.25 else tree
        place = (rng.uniform(0, length), rng.uniform(3.5, depth - 4), KERB_M - 0.05)
        parts.append(kind(rng, rng.uniform(6, 12)).moved(place))
    for _ in range(int(length / 7)):
        place = (rng.uniform(0, length), rng.uniform(1.5, 8), KERB_M - 0.05)
        parts.append(bush(rng, rng.uniform(0.5, 1.1)).moved(place))
    if rng.uniform() < 0.5:
        parts.append(ribbon((0.15 * length, 0.85 * length), (5.0, 18.0), KERB_M + 0.01, _POND))
    return merged(parts)


def waterside(rng: np.random.Generator, length: float) -> Mesh:
    """Return a quay with a guard rail, open water behind it, and trees on the other bank."""
    parts = [_lawn(length, 1.6, _QUAY), _lawn(length, 60.0)]
    parts.append(ribbon((0.0, length), (1.6, 34.0), KERB_M, _POND))
    parts.append(guard_rail(length - 0.5).moved((0.2, 1.2, KERB_M)))
    for x in np.arange(2.0, length, 6.0):
        place = (x + rng.uniform(-2, 2), rng.uniform(36, 40), KERB_M - 0.05)
        parts.append(tree(rng, rng.uniform(6, 11)).moved(place))
    return merged(parts)


def building_yard(rng: np.random.Generator, length: float) -> Mesh:
    """Return bare ground with crates, a truck and a wall behind."""
    parts = [_lawn(length, 26.0, _YARD)]
    plaster = Surface("Wall", Material.CONCRETE, (0.46, 0.44, 0.40))
    parts.append(box((0.0, 22.0, 0.0), (length, 22.4, rng.uniform(2.2, 3.0)), plaster))
    for x in np.arange(2.0, length - 2.0, 4.5):
        place = (x, rng.uniform(1.5, 6.0), KERB_M - 0.02)
        parts.append(crates(rng).moved(place, rng.uniform(-0.6, 0.6)))
    if rng.uniform() < 0.5:
        parts.append(guard_rail(length - 0.5).moved((0.2, 0.25, KERB_M - 0.02)))
    if rng.uniform() < 0.5:
        parts.append(truck(rng).moved((0.5 * length, 13.0, KERB_M - 0.02), rng.uniform(-0.4, 0.4)))
    return merged(parts)


def walled_garden(rng: np.random.Generator, length: float) -> Mesh:
    """Return a long wall with trees that look over it."""
    height = rng.uniform(1.8, 2.6)
    brick = Surface("Wall", Material.BRICK, (0.36, 0.17, 0.11))
    plaster = Surface("Wall", Material.CONCRETE, (0.50, 0.47, 0.41))
    stone = Surface("Wall", Material.CONCRETE, (0.40, 0.39, 0.36))
    surface = brick if rng.uniform() < 0.6 else plaster
    parts = [_lawn(length, 28.0), box((0.0, 0.1, 0), (length, 0.4, height), surface)]
    parts.append(box((0.0, 0.04, height), (length, 0.46, height + 0.12), stone))
    parts += [
        box((x, 0.02, 0), (x + 0.5, 0.1, height), surface) for x in np.arange(0.0, length, 4.5)
    ]
    for _ in range(int(length / 4)):
        place = (rng.uniform(0, length), rng.uniform(3, 16), 0)
        parts.append(tree(rng, rng.uniform(6, 11)).moved(place))
    return merged(parts)


def car_park(rng: np.random.Generator, length: float) -> Mesh:
    """Return a yard with parked cars behind a low fence."""
    parts = [_lawn(length, 24.0, _YARD)]
    parts.append(fence(length - 4.5, 1.0, wooden=False).moved((0.2, 0.2, KERB_M - 0.02)))
    parts += [
        car(rng).moved((x, 7.0, KERB_M - 0.02), np.pi / 2)
        for x in np.arange(2.0, length - 2.0, 2.9)
        if rng.uniform() < 0.7
    ]
    if rng.uniform() < 0.5:
        parts.append(truck(rng).moved((0.5 * length, 14.0, KERB_M - 0.02)))
    shed = building(rng, length - 2.0, 6.0, 1)
    return merged([*parts, shed.moved((1.0, 18.0, 0))])


_KINDS: tuple[tuple[Lot, float], ...] = (
    (town_houses, 0.36), (villa, 0.20), (park, 0.13), (walled_garden, 0.09), (car_park, 0.08),
    (waterside, 0.07), (building_yard, 0.07),
)  # fmt: skip


def draw_lot(rng: np.random.Generator, length: float) -> Mesh:
    """Return a lot of a kind drawn at random."""
    share = np.array([weight for _, weight in _KINDS])
    return _KINDS[int(rng.choice(len(_KINDS), p=share / share.sum()))][0](rng, length)
