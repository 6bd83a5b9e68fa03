"""The ground: road, lane lines, kerbs, side walks, crossings, canal and railway."""

from __future__ import annotations

import numpy as np

from anyseg_core.simulation.furniture import guard_rail
from anyseg_core.simulation.materials import Material
from anyseg_core.simulation.meshes import Mesh, Surface, box, kerb, merged, quads, ribbon
from anyseg_core.simulation.plan import LANE_M, PERIOD_M, Gap, StreetPlan

KERB_M = 0.13
_FAR_M = 95.0
_LINE_M = 0.012

_ASPHALT = Surface("Road", Material.ASPHALT, (0.085, 0.085, 0.09))
_LINE = Surface("RoadLine", Material.LINE_PAINT, (0.62, 0.62, 0.60))
_PAVING = Surface("SideWalk", Material.PAVING, (0.34, 0.33, 0.31))
_EDGE = Surface("SideWalk", Material.CONCRETE, (0.42, 0.41, 0.39))
_GRASS = Surface("Terrain", Material.GRASS, (0.11, 0.17, 0.05))


def _flat(x: tuple[float, float], y: tuple[float, float], z: float, surface: Surface) -> Mesh:
    """Return one level rectangle: for what lies across the street and follows no bend."""
    return quads([[[x[0], y[0], z], [x[1], y[0], z], [x[1], y[1], z], [x[0], y[1], z]]], surface)


def _lane_lines(plan: StreetPlan, span: tuple[float, float]) -> list[Mesh]:
    edge = plan.lanes * LANE_M
    parts = [
        ribbon(span, (side * edge - 0.06, side * edge + 0.06), _LINE_M, _LINE) for side in (-1, 1)
    ]
    middles = [-LANE_M, 0.0, LANE_M] if plan.lanes == 2 else [0.0]
    for middle in middles:
        parts += [
            ribbon((x, x + 3.0), (middle - 0.07, middle + 0.07), _LINE_M, _LINE)
            for x in np.arange(span[0], span[1] - 3.0, 7.5)
        ]
    return parts


def _side_walks(plan: StreetPlan, span: tuple[float, float]) -> list[Mesh]:
    parts = []
    inner, outer = plan.road_half_m, plan.front_m
    for side in (-1.0, 1.0):
        parts.append(kerb(span, side * inner, (-0.02, KERB_M), _EDGE))
        parts.append(ribbon(span, (side * inner, side * (inner + 0.18)), KERB_M + 0.002, _EDGE))
        parts.append(ribbon(span, (side * inner, side * outer), KERB_M, _PAVING))
        if plan.verge_m > 0.0:
            verge = (side * (inner + 0.18), side * (inner + plan.verge_m))
            parts.append(ribbon(span, verge, KERB_M + 0.004, _GRASS))
        for x in span:
            corner = [[x, side * inner, -0.02], [x, side * outer, -0.02],
                      [x, side * outer, KERB_M], [x, side * inner, KERB_M]]  # fmt: skip
            parts.append(quads([corner], _EDGE))
    return parts


def _zebra(x: float, half_width: float) -> list[Mesh]:
    return [
        _flat((x - 1.5, x + 1.5), (y, y + 0.5), _LINE_M, _LINE)
        for y in np.arange(-half_width + 0.4, half_width - 0.6, 1.0)
    ]


def _crossing(plan: StreetPlan, gap: Gap) -> list[Mesh]:
    """Return a side street with its own side walks and lines, stop lines and zebras."""
    half, walk, x = 4.6, gap.half_m - 4.6, gap.centre_m
    parts = []
    for side in (-1.0, 1.0):
        near, far = sorted((side * plan.road_half_m, side * _FAR_M))
        parts.append(_flat((x - half, x + half), (near, far), 0.0, _ASPHALT))
        for edge in (-1.0, 1.0):
            low, high = sorted((x + edge * half, x + edge * (half + walk)))
            parts.append(box((low, near, -0.02), (high, far, KERB_M), _PAVING))
        for y in np.arange(plan.front_m + 2, _FAR_M, 6.0):
            y0, y1 = sorted((side * y, side * (y + 2.5)))
            parts.append(_flat((x - 0.07, x + 0.07), (y0, y1), _LINE_M, _LINE))
        stop = x - side * (half + walk + 2.6)
        lane = sorted((-side * 0.2, -side * plan.lanes * LANE_M))
        parts.append(_flat((stop - 0.2, stop + 0.2), (lane[0], lane[1]), _LINE_M, _LINE))
        parts += _zebra(x + side * (half + 2.0), plan.road_half_m)
    return parts


def _canal(plan: StreetPlan, gap: Gap) -> list[Mesh]:
    """Return water across the street, its quays, and the parapets of the street's bridge."""
    water = Surface("Water", Material.WATER, (0.035, 0.06, 0.06))
    stone = Surface("Wall", Material.BRICK, (0.32, 0.29, 0.25))
    rail = Surface("Bridge", Material.CONCRETE, (0.44, 0.43, 0.41))
    x0, x1 = gap.centre_m - gap.half_m, gap.centre_m + gap.half_m
    parts = []
    for side in (-1.0, 1.0):
        near, far = sorted((side * plan.front_m, side * _FAR_M))
        parts.append(_flat((x0, x1), (near, far), 0.03, water))
        parts += [box((x - 0.3, near, 0.0), (x + 0.3, far, 0.3), stone) for x in (x0, x1)]
        y0, y1 = sorted((side * plan.front_m, side * (plan.front_m - 0.2)))
        # The parapet is open, so that the water can be seen from the street.
        parts += [box((x0, y0, z), (x1, y1, z + 0.14), rail) for z in (0.0, 0.5, 0.96)]
        parts += [box((x, y0, 0), (x + 0.4, y1, 1.15), rail) for x in np.arange(x0, x1 - 0.4, 3.4)]
    return parts


def _railway(plan: StreetPlan, gap: Gap) -> list[Mesh]:
    """Return a level crossing: two rails in ballast, with guard rails beside it."""
    ballast = Surface("RailTrack", Material.GRAVEL, (0.24, 0.21, 0.19))
    steel = Surface("RailTrack", Material.METAL, (0.30, 0.27, 0.25))
    x = gap.centre_m
    parts = [_flat((x - 1.6, x + 1.6), (-_FAR_M, _FAR_M), 0.015 + KERB_M, ballast)]
    parts += [
        box((x + offset - 0.05, -_FAR_M, 0.1), (x + offset + 0.05, _FAR_M, 0.2), steel)
        for offset in (-0.75, 0.75)
    ]
    for side in (-1.0, 1.0):
        y = side * (plan.front_m + 0.2)
        parts += [
            guard_rail(gap.half_m - 2.0).moved((start, y, KERB_M))
            for start in (x - gap.half_m, x + 2.0)
        ]
    return parts


def ground(plan: StreetPlan) -> Mesh:
    """Return one period of the ground, straight; the street's bend is put in by its owner."""
    whole = (0.0, PERIOD_M)
    half = plan.road_half_m
    parts = [ribbon(whole, (-half, half), 0.0, _ASPHALT)]
    for side in (-1.0, 1.0):
        parts.append(ribbon(whole, (side * half, side * _FAR_M), -0.03, _GRASS, step_m=12.0))
        parts.append(
            ribbon(whole, (side * _FAR_M, side * 3.5 * _FAR_M), -0.03, _GRASS, step_m=30.0)
        )
    crossings = [gap for gap in plan.gaps if gap.kind == "crossing"]
    edges = [0.0, *(x for g in crossings for x in (g.centre_m - 4.6, g.centre_m + 4.6)), PERIOD_M]
    for span in zip(edges[::2], edges[1::2], strict=True):
        parts += _side_walks(plan, span)
    for start, end in plan.spans():
        parts += _lane_lines(plan, (start + 3.2, end - 3.2))
    builders = {"crossing": _crossing, "canal": _canal, "railway": _railway}
    for gap in plan.gaps:
        parts += builders[gap.kind](plan, gap)
    return merged(parts)
