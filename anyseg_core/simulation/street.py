"""The static part of the world: one street with everything that does not move."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.simulation import furniture
from anyseg_core.simulation.buildings import skyline
from anyseg_core.simulation.ground import KERB_M, ground
from anyseg_core.simulation.lots import draw_lot
from anyseg_core.simulation.materials import Material
from anyseg_core.simulation.meshes import Mesh, Surface, box, merged
from anyseg_core.simulation.plan import (
    AHEAD_M,
    BEHIND_M,
    LANE_M,
    PARKING_M,
    PERIOD_M,
    Gap,
    StreetPlan,
    draw_plan,
)
from anyseg_core.simulation.vegetation import tree
from anyseg_core.simulation.vehicles import bus, car, truck, two_wheeler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from anyseg_core.types import Float64Array

_LAMP_PITCH_M = 30.0


@dataclass(frozen=True, slots=True)
class Street:
    """The static world.

    Attributes:
        plan: its measures.
        mesh: every static triangle, from ``BEHIND_M`` before 0 to ``AHEAD_M`` after the period.
        lamps: float64 [L, 3], places of the street lamps' lights, sorted by x.
    """

    plan: StreetPlan
    mesh: Mesh
    lamps: Float64Array


def _both_sides(plan: StreetPlan, rng: np.random.Generator) -> Iterator[Mesh]:
    """Yield the lots of both sides and a second row of blocks behind them."""
    for side in (-1.0, 1.0):
        for start, end in plan.spans():
            x = start
            while end - x > 7.0:
                length = float(rng.uniform(14.0, 30.0))
                length = end - x if end - x - length < 9.0 else length
                mesh = draw_lot(rng, length).moved((x, plan.front_m, 0.0))
                yield mesh if side > 0 else mesh.mirrored()
                x += length
        x = 0.0
        while x < PERIOD_M - 12.0:
            width = float(rng.uniform(12.0, 26.0))
            width = min(width, PERIOD_M - x)
            if plan.in_gap(x + width / 2, width / 2 + 1.0) is None and rng.uniform() < 0.8:
                block = skyline(rng, width, 14.0, float(rng.uniform(8.0, 26.0)))
                block = block.moved((x, plan.front_m + rng.uniform(38, 50), 0.0))
                yield block if side > 0 else block.mirrored()
            x += width + float(rng.uniform(1.0, 12.0))


def _lamp_places(plan: StreetPlan) -> list[tuple[float, float]]:
    """Return x and side (-1 right, 1 left) of the street lamps, which alternate."""
    places = []
    for index, x in enumerate(np.arange(8.0, PERIOD_M, _LAMP_PITCH_M / 2)):
        if plan.in_gap(float(x), 1.0) is None:
            places.append((float(x), 1.0 if index % 2 else -1.0))
    return places


def _bins(rng: np.random.Generator) -> Mesh:
    """Return one to three wheeled bins in a row."""
    count = int(rng.integers(1, 4))
    return merged(
        furniture.wheeled_bin(rng).moved((0.8 * index, rng.uniform(-0.1, 0.1), 0))
        for index in range(count)
    )


def _kerb_side_piece(rng: np.random.Generator, side: float, *, trees: bool) -> Mesh | None:
    """Return one thing at (0, 0) of the kerb side of the left side walk, or nothing."""
    makers: tuple[tuple[float, Callable[[], Mesh]], ...] = (
        (0.36 if trees else 0.06, lambda: tree(rng, rng.uniform(5.5, 8.5))),
        (0.16, lambda: furniture.sign(rng, side)),
        (0.07, lambda: furniture.litter_bin(rng)),
        (0.10, lambda: _bins(rng)),
        (0.09, lambda: two_wheeler(rng).moved((0, 0.15, 0), rng.uniform(-0.2, 0.2))),
        (0.05, lambda: furniture.bus_shelter().moved((0, 1.0, 0))),
        (0.06, lambda: furniture.advertising_column().moved((0, 0.4, 0))),
        (0.05, lambda: furniture.bench().moved((0, 0.3, 0), np.pi)),
    )
    chance = rng.uniform()
    for share, make in makers:
        if chance < share:
            return make()
        chance -= share
    return None


def _kerb_side(plan: StreetPlan, rng: np.random.Generator) -> Iterator[Mesh]:
    """Yield what stands in a row near the kerb: lamps, trees, signs, bins, bicycles, shelters."""
    edge = plan.road_half_m + 0.55
    for x, side in _lamp_places(plan):
        lamp = furniture.street_lamp().moved((x, edge, KERB_M))
        yield lamp if side > 0 else lamp.mirrored()
    alley = rng.uniform(size=2) < 0.6
    for side, trees in zip((-1.0, 1.0), alley, strict=True):
        for x in np.arange(3.0, PERIOD_M, 6.5):
            if plan.in_gap(float(x), 3.0) is not None:
                continue
            piece = _kerb_side_piece(rng, side, trees=bool(trees))
            if piece is not None:
                piece = piece.moved((x + rng.uniform(-1, 1), edge, KERB_M))
                yield piece if side > 0 else piece.mirrored()


def _parked(plan: StreetPlan, rng: np.random.Generator) -> Iterator[Mesh]:
    """Yield the parked vehicles of both parking lanes, where there are any."""
    if not plan.parking:
        return
    y = plan.road_half_m - PARKING_M / 2
    for side in (-1.0, 1.0):
        density = rng.uniform(0.1, 0.6)
        x = 2.0
        while x < PERIOD_M - 4.0:
            chance = rng.uniform()
            kind, length = (car, 5.9) if chance < 0.88 else (truck, 9.0)
            clear = plan.in_gap(x + length / 2, length / 2 + 7.0) is None
            if clear and rng.uniform() < density:
                turn = 0.0 if side < 0 else np.pi
                place = (x + length / 2, side * y + rng.uniform(-0.12, 0.12), 0.0)
                yield kind(rng).moved(place, turn + rng.uniform(-0.03, 0.03))
            x += length


def _at_gap(plan: StreetPlan, gap: Gap, rng: np.random.Generator) -> Iterator[Mesh]:
    """Yield signals, waiting vehicles and the end of the side street."""
    if gap.kind != "crossing":
        return
    reach = 0.6 + plan.shoulder_m + 0.5 * LANE_M
    for side in (-1.0, 1.0):
        pole = furniture.traffic_light(side, 2, reach)
        pole = pole.moved((gap.centre_m + side * 8.6, plan.road_half_m + 0.5, KERB_M))
        yield pole if side > 0 else pole.mirrored()
        kind = (car, car, bus, truck)[int(rng.integers(4))]
        stand = (gap.centre_m + side * 2.1, side * (plan.front_m + 9.0), 0.0)
        yield kind(rng).moved(stand, -side * np.pi / 2)
        for y in np.arange(plan.front_m + 18.0, 80.0, 9.0):
            if rng.uniform() < 0.6:
                yield car(rng).moved((gap.centre_m - 3.4, side * y, 0.0), np.pi / 2)
        end = skyline(rng, 40.0, 10.0, float(rng.uniform(9, 18)))
        end = end.moved((gap.centre_m - 20.0, 96.0, 0.0))
        yield end if side > 0 else end.mirrored()
        for edge in (-1.0, 1.0):
            for y in np.arange(plan.front_m + 14.0, 90.0, 11.0):
                place = (gap.centre_m + edge * 6.6, side * y, KERB_M)
                yield tree(rng, rng.uniform(5, 8)).moved(place)


def _foot_bridge(plan: StreetPlan, rng: np.random.Generator) -> Iterator[Mesh]:
    """Yield, in some streets, a foot bridge over the road (class Bridge)."""
    if rng.uniform() > 0.5:
        return
    start, end = max(plan.spans(), key=lambda span: span[1] - span[0])
    x, out = (start + end) / 2, plan.front_m - 0.3
    concrete = Surface("Bridge", Material.CONCRETE, (0.46, 0.45, 0.43))
    rail = Surface("Bridge", Material.METAL, (0.10, 0.25, 0.32))
    yield box((x - 1.5, -out - 0.5, 5.2), (x + 1.5, out + 0.5, 5.8), concrete)
    for edge in (-1.5, 1.4):
        yield box((x + edge, -out - 0.5, 6.65), (x + edge + 0.1, out + 0.5, 6.8), rail)
        for y in np.arange(-out, out, 0.6):
            yield box((x + edge, y, 5.8), (x + edge + 0.06, y + 0.06, 6.65), rail)
    for y in (-out, out):
        yield box((x - 0.9, y - 0.35, 0), (x + 0.9, y + 0.35, 5.2), concrete)


def _bent(mesh: Mesh, plan: StreetPlan) -> Mesh:
    vertices = mesh.vertices.copy()
    vertices[..., 1] += plan.bend(vertices[..., 0]).astype(np.float32)
    return replace(mesh, vertices=vertices)


@lru_cache(maxsize=2)
def build_street(seed: int) -> Street:
    """Return the street of a seed; the same seed gives the same street. The last two are kept."""
    rng = np.random.default_rng([seed, 1])
    plan = draw_plan(rng)
    parts = [ground(plan)]
    parts += _both_sides(plan, rng)
    parts += _kerb_side(plan, rng)
    parts += _parked(plan, rng)
    for gap in plan.gaps:
        parts += _at_gap(plan, gap, rng)
    parts += _foot_bridge(plan, rng)
    once = merged(parts)
    x = once.vertices[..., 0].mean(1)
    before = once.selected(x > PERIOD_M - BEHIND_M).moved((-PERIOD_M, 0, 0))
    after = once.selected(x < AHEAD_M).moved((PERIOD_M, 0, 0))
    reach = plan.road_half_m + 0.55 - furniture.LAMP_REACH_M
    lamps = np.array(
        [
            (x + shift, side * reach, furniture.LAMP_HEIGHT_M)
            for shift in (-PERIOD_M, 0.0, PERIOD_M)
            for x, side in _lamp_places(plan)
            if -BEHIND_M < x + shift < PERIOD_M + AHEAD_M
        ]
    )
    lamps[:, 1] += plan.bend(lamps[:, 0])
    return Street(plan, _bent(merged([before, once, after]), plan), lamps)
