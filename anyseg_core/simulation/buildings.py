"""Buildings: x along the street, the front at y = 0, the rest behind it at y > 0."""

from __future__ import annotations

import numpy as np

from anyseg_core.simulation.materials import Material
from anyseg_core.simulation.meshes import (
    Colour,
    Mesh,
    Surface,
    box,
    merged,
    prism,
    quads,
    triangles,
)

STOREY_M = 3.1

_WALLS: tuple[Colour, ...] = (
    (0.42, 0.16, 0.10), (0.34, 0.14, 0.10), (0.58, 0.47, 0.32), (0.62, 0.56, 0.44),
    (0.50, 0.50, 0.48), (0.68, 0.66, 0.62), (0.55, 0.36, 0.22), (0.36, 0.42, 0.46),
    (0.60, 0.42, 0.34), (0.50, 0.52, 0.38), (0.30, 0.27, 0.25),
)  # fmt: skip
_ROOFS: tuple[Colour, ...] = ((0.30, 0.10, 0.06), (0.14, 0.13, 0.13), (0.22, 0.15, 0.10))
_AWNINGS: tuple[Colour, ...] = (
    (0.45, 0.05, 0.05), (0.05, 0.22, 0.12), (0.06, 0.12, 0.36), (0.55, 0.45, 0.20),
)  # fmt: skip


def _walls(length: float, depth: float, height: float, storeys: int, surface: Surface) -> Mesh:
    """Return the four walls; windows repeat once per bay and storey of the texture."""
    ring = np.array([[0, 0], [length, 0], [length, depth], [0, depth]], float)
    parts = []
    for index in range(4):
        start, end = ring[index], ring[(index + 1) % 4]
        bays = max(1, round(float(np.linalg.norm(end - start)) / (2.5 + 1.2 * surface.style)))
        corner = [[*start, 0.0], [*end, 0.0], [*end, height], [*start, height]]
        # Bays of the four walls are numbered on, so that each wall lights its own windows.
        first = 32.0 * index
        texture = [
            [first, 0, 0], [first + bays, 0, 0],
            [first + bays, storeys, 0], [first, storeys, 0],
        ]  # fmt: skip
        parts.append(quads([corner], surface, [texture]))
    return merged(parts)


def _gable(length: float, depth: float, height: float, rng: np.random.Generator,
           wall: Surface) -> Mesh:  # fmt: skip
    roof = Surface("Building", Material.ROOF, _ROOFS[int(rng.integers(len(_ROOFS)))])
    ridge, out = height + rng.uniform(2.0, 3.5), 0.4
    middle = depth / 2
    slopes = quads(
        [
            [[-out, -out, height - 0.2], [length + out, -out, height - 0.2],
             [length + out, middle, ridge], [-out, middle, ridge]],
            [[-out, depth + out, height - 0.2], [length + out, depth + out, height - 0.2],
             [length + out, middle, ridge], [-out, middle, ridge]],
        ],
        roof,
    )  # fmt: skip
    plain = Surface("Building", Material.CONCRETE, wall.colour)
    ends = triangles(
        [[[x, 0, height], [x, depth, height], [x, middle, ridge]] for x in (0.0, length)], plain
    )
    x = rng.uniform(0.2, 0.8) * length
    chimney = box((x, middle - 1.4, height), (x + 0.9, middle - 0.7, ridge + 0.9), plain)
    return merged([slopes, ends, chimney])


def _flat_roof(length: float, depth: float, height: float, rng: np.random.Generator,
               wall: Surface) -> Mesh:  # fmt: skip
    trim = Surface("Building", Material.CONCRETE, (0.45, 0.44, 0.42))
    plain = Surface("Building", Material.CONCRETE, wall.colour)
    x, width = rng.uniform(0.1, 0.6) * length, rng.uniform(2.0, 4.0)
    return merged(
        [
            box((-0.25, -0.25, height - 0.1), (length + 0.25, depth + 0.25, height + 0.5), trim),
            box((x, 3.0, height), (x + width, 6.0, height + rng.uniform(1.5, 2.8)), plain),
        ]
    )


def _balconies(length: float, storeys: int, bays: int, rng: np.random.Generator) -> list[Mesh]:
    slab = Surface("Building", Material.CONCRETE, (0.5, 0.5, 0.48))
    rail = Surface("Building", Material.METAL, (0.12, 0.12, 0.13))
    pitch = length / bays
    parts = []
    for bay in range(int(rng.integers(0, 2)), bays, int(rng.integers(2, 4))):
        x0, x1 = (bay + 0.08) * pitch, (bay + 0.92) * pitch
        for storey in range(1, storeys):
            z = storey * STOREY_M
            parts.append(box((x0, -0.9, z - 0.12), (x1, 0.0, z + 0.05), slab))
            parts.append(box((x0, -0.9, z + 0.05), (x1, -0.86, z + 0.9), rail))
    return parts


def _shop_front(length: float, rng: np.random.Generator) -> list[Mesh]:
    cloth = Surface("Building", Material.CLOTH, _AWNINGS[int(rng.integers(len(_AWNINGS)))])
    board = Surface("Building", Material.WOOD, _AWNINGS[int(rng.integers(len(_AWNINGS)))])
    sign = box((0.3, -0.14, 2.75), (length - 0.3, 0.0, 3.2), board)
    slope = [[0.4, 0.0, 2.8], [length - 0.4, 0.0, 2.8], [length - 0.4, -1.3, 2.35],
             [0.4, -1.3, 2.35]]  # fmt: skip
    valance = [[0.4, -1.3, 2.35], [length - 0.4, -1.3, 2.35], [length - 0.4, -1.3, 2.15],
               [0.4, -1.3, 2.15]]  # fmt: skip
    return [sign, quads([slope, valance], cloth)] if rng.uniform() < 0.6 else [sign]


def building(rng: np.random.Generator, length_m: float, depth_m: float, storeys: int) -> Mesh:
    """Return one building with windows, a roof, and sometimes balconies or a shop."""
    style = float(rng.uniform())
    colour = np.array(_WALLS[int(rng.integers(len(_WALLS)))]) * rng.uniform(0.85, 1.1)
    shade: Colour = (float(colour[0]), float(colour[1]), float(colour[2]))
    wall = Surface("Building", Material.FACADE, shade, style)
    height = storeys * STOREY_M
    parts = [_walls(length_m, depth_m, height, storeys, wall)]
    roof = _gable if storeys <= 4 and rng.uniform() < 0.55 else _flat_roof
    parts.append(roof(length_m, depth_m, height, rng, wall))
    base = Surface("Building", Material.CONCRETE, (0.22, 0.21, 0.20))
    parts.append(box((-0.04, -0.06, 0.0), (length_m + 0.04, 0.0, 0.5), base))
    if style > 0.5:
        parts += _shop_front(length_m, rng)
        band = Surface("Building", Material.CONCRETE, (0.48, 0.46, 0.43))
        parts.append(box((0, -0.12, STOREY_M), (length_m, 0.0, STOREY_M + 0.25), band))
    elif storeys > 2 and rng.uniform() < 0.5:
        bays = max(1, round(length_m / (2.5 + 1.2 * style)))
        parts += _balconies(length_m, storeys, bays, rng)
    return merged(parts)


def skyline(rng: np.random.Generator, length_m: float, depth_m: float, height_m: float) -> Mesh:
    """Return a plain block for the second row, behind what lines the street."""
    tone = rng.uniform(0.28, 0.5)
    wall = Surface("Building", Material.FACADE, (tone, tone * 0.97, tone * 0.93), rng.uniform())
    storeys = max(1, round(height_m / STOREY_M))
    ring = np.array([[0, 0], [length_m, 0], [length_m, depth_m], [0, depth_m]], float)
    top = np.column_stack([ring, np.full(4, height_m)])
    lid = Surface("Building", Material.CONCRETE, (0.3, 0.3, 0.3))
    return merged(
        [
            _walls(length_m, depth_m, height_m, storeys, wall),
            prism(top, np.add(top, [0.0, 0.0, 0.6]), lid),
        ]
    )
