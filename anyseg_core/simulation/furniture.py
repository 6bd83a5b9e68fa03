"""What stands on side walks: poles, lamps, signs, signals, fences, benches, bins, shelters."""

from __future__ import annotations

import numpy as np

from anyseg_core.simulation.materials import Material
from anyseg_core.simulation.meshes import Mesh, Surface, box, merged, prism, rod

LAMP_HEIGHT_M, LAMP_REACH_M = 6.4, 1.9

_GALVANISED = Surface("Pole", Material.METAL, (0.30, 0.31, 0.32))
_DARK = Surface("Pole", Material.METAL, (0.07, 0.09, 0.08))


def street_lamp() -> Mesh:
    """Return a lamp post whose arm reaches towards -y."""
    glow = Surface("Pole", Material.LAMP, (1.0, 0.72, 0.38), 1.0)
    reach, top = LAMP_REACH_M, LAMP_HEIGHT_M
    return merged(
        [
            rod((0, 0, 0), (0, 0, top - 0.2), (0.10, 0.06), _DARK),
            rod((0, 0, top - 0.3), (0, -reach, top), 0.04, _DARK, sides=6),
            box((-0.12, -reach - 0.35, top - 0.06), (0.12, -reach + 0.25, top + 0.08), _DARK),
            box((-0.1, -reach - 0.3, top - 0.1), (0.1, -reach + 0.2, top - 0.06), glow),
        ]
    )


def sign(rng: np.random.Generator, facing: float) -> Mesh:
    """Return a traffic sign on its pole; its face looks along x towards ``facing`` (-1 or 1)."""
    kinds = ("disc", "blue disc", "triangle", "board", "stop")
    kind = kinds[int(rng.integers(len(kinds)))]
    radius = float(rng.uniform(0.42, 0.52)) * (1.3 if kind == "board" else 1.0)
    height = float(rng.uniform(2.1, 2.5))
    corners = {"triangle": 3, "board": 4, "stop": 8}.get(kind, 16)
    colours = {
        "disc": (0.62, 0.03, 0.03), "triangle": (0.62, 0.03, 0.03), "stop": (0.60, 0.02, 0.02),
        "blue disc": (0.02, 0.10, 0.45), "board": (0.03, 0.16, 0.42),
    }  # fmt: skip
    # The texture finds the sign's middle in its own axes, so the ring is built about the origin.
    turn = np.pi / 2 if corners == 3 else np.pi / corners
    angle = turn + np.linspace(0, 2 * np.pi, corners, endpoint=False)
    ring = radius * np.column_stack([np.zeros(corners), np.cos(angle), np.sin(angle)])
    style = {"disc": 0.1, "triangle": 0.3, "stop": 0.5, "blue disc": 0.5, "board": 0.7}[kind]
    face = Surface("TrafficSign", Material.SIGN, colours[kind], style)
    back = Surface("TrafficSign", Material.METAL, (0.32, 0.33, 0.34))
    plate = merged(
        [
            prism(np.add(ring, [0.06 * facing, 0, 0]), np.add(ring, [0.075 * facing, 0, 0]), face),
            prism(np.add(ring, [0.05 * facing, 0, 0]), np.add(ring, [0.06 * facing, 0, 0]), back),
        ]
    )
    return merged(
        [rod((0, 0, 0), (0, 0, height + 0.3), 0.04, _GALVANISED), plate.moved((0, 0, height))]
    )


def signal_head(facing: float, lit: int) -> Mesh:
    """Return a traffic light's three lamps in a box; ``lit`` is 0 red, 1 amber, 2 green."""
    case = Surface("TrafficLight", Material.METAL, (0.02, 0.025, 0.02))
    colours = ((1.0, 0.05, 0.03), (1.0, 0.5, 0.03), (0.05, 1.0, 0.35))
    parts = [box((-0.14, -0.24, -0.66), (0.14, 0.24, 0.66), case)]
    front = 0.14 * facing
    for index, colour in enumerate(colours):
        z = 0.42 - 0.42 * index
        lamp = Surface("TrafficLight", Material.SIGNAL, colour, 1.0 if index == lit else 0.0)
        parts.append(rod((front, 0, z), (front + 0.02 * facing, 0, z), 0.15, lamp, sides=10))
    return merged(parts)


def traffic_light(facing: float, lit: int, reach_m: float) -> Mesh:
    """Return a signal at the kerb and one that hangs over the lane at -y, ``reach_m`` away."""
    return merged(
        [
            rod((0, 0, 0), (0, 0, 5.7), (0.11, 0.08), _DARK),
            rod((0, 0, 5.5), (0, -reach_m, 5.7), 0.06, _DARK, sides=6),
            signal_head(facing, lit).moved((0.16 * facing, 0, 2.9)),
            signal_head(facing, lit).moved((0.16 * facing, -reach_m + 0.3, 5.1)),
        ]
    )


def fence(length_m: float, height_m: float, *, wooden: bool) -> Mesh:
    """Return a fence along x: boards, or iron bars between posts."""
    if wooden:
        board = Surface("Fence", Material.WOOD, (0.26, 0.16, 0.09))
        pitch, width = 0.17, 0.14
    else:
        board = Surface("Fence", Material.METAL, (0.05, 0.07, 0.06))
        pitch, width = 0.22, 0.04
    parts = [
        box((x, 0, 0.05), (x + width, 0.03, height_m), board)
        for x in np.arange(0.0, length_m - width, pitch)
    ]
    parts += [box((0, 0.03, z), (length_m, 0.07, z + 0.07), board) for z in (0.25, height_m - 0.3)]
    return merged(parts)


def guard_rail(length_m: float) -> Mesh:
    """Return a steel guard rail along x (class GroundRail)."""
    steel = Surface("GroundRail", Material.METAL, (0.42, 0.43, 0.44))
    parts = [box((0, 0, 0.45), (length_m, 0.06, 0.76), steel)]
    parts += [
        box((x, 0.06, 0), (x + 0.1, 0.16, 0.7), steel) for x in np.arange(0, length_m - 0.1, 2.0)
    ]
    return merged(parts)


def bench() -> Mesh:
    """Return a bench that looks towards -y (class Static)."""
    wood = Surface("Static", Material.WOOD, (0.30, 0.18, 0.09))
    iron = Surface("Static", Material.METAL, (0.06, 0.06, 0.06))
    return merged(
        [
            box((-0.8, -0.25, 0.42), (0.8, 0.2, 0.48), wood),
            box((-0.8, 0.2, 0.55), (0.8, 0.25, 0.9), wood),
            box((-0.7, -0.2, 0), (-0.62, 0.2, 0.42), iron),
            box((0.62, -0.2, 0), (0.7, 0.2, 0.42), iron),
        ]
    )


def litter_bin(rng: np.random.Generator) -> Mesh:
    """Return a fixed bin, hydrant or cabinet (class Static)."""
    if rng.uniform() < 0.5:
        metal = Surface("Static", Material.METAL, (0.06, 0.16, 0.09))
        return rod((0, 0, 0), (0, 0, 0.95), 0.24, metal)
    cabinet = Surface("Static", Material.METAL, (0.34, 0.36, 0.33))
    return box((-0.5, -0.2, 0), (0.5, 0.2, 1.25), cabinet)


def wheeled_bin(rng: np.random.Generator) -> Mesh:
    """Return a bin on wheels, put out for the day (class Dynamic)."""
    colours = ((0.05, 0.22, 0.08), (0.05, 0.08, 0.25), (0.32, 0.24, 0.03))
    body = Surface("Dynamic", Material.CAR_PAINT, colours[int(rng.integers(3))])
    wheel = Surface("Dynamic", Material.RUBBER, (0.03, 0.03, 0.03))
    low = np.array([[-0.24, -0.24, 0.1], [0.24, -0.24, 0.1], [0.24, 0.24, 0.1], [-0.24, 0.24, 0.1]])
    high = np.add(low * [1.2, 1.2, 0.0], [0, 0, 1.0])
    return merged(
        [
            prism(low, high, body),
            box((-0.31, -0.33, 1.0), (0.31, 0.31, 1.07), body),
            rod((-0.25, 0.24, 0.1), (0.25, 0.24, 0.1), 0.1, wheel),
        ]
    )


def crates(rng: np.random.Generator) -> Mesh:
    """Return a stack of crates and sacks, put down for a while (class Dynamic)."""
    colours = ((0.30, 0.20, 0.10), (0.42, 0.30, 0.08), (0.10, 0.18, 0.30), (0.34, 0.34, 0.32))
    parts = []
    for x in np.arange(-1.0, 1.1, 1.0):
        surface = Surface("Dynamic", Material.WOOD, colours[int(rng.integers(4))])
        wide, tall = rng.uniform(0.35, 0.5), rng.uniform(0.5, 1.5)
        parts.append(box((x - wide, -wide, 0.0), (x + wide, wide, tall), surface))
    return merged(parts)


def bus_shelter() -> Mesh:
    """Return a glazed shelter that opens towards -y (class Static)."""
    steel = Surface("Static", Material.METAL, (0.16, 0.17, 0.18))
    glass = Surface("Static", Material.GLASS, (0.10, 0.13, 0.14))
    poster = Surface("Static", Material.SIGN, (0.45, 0.30, 0.12), 0.99)
    parts = [box((-2.1, -0.9, 2.4), (2.1, 0.7, 2.52), steel)]
    parts += [box((x, 0.5, 0), (x + 0.08, 0.58, 2.4), steel) for x in (-2.0, -0.04, 1.92)]
    parts += [box((-1.9, 0.53, 0.3), (1.9, 0.55, 2.2), glass)]
    parts += [box((1.92, -0.6, 0.25), (2.0, 0.4, 2.1), poster)]
    return merged([*parts, box((-1.5, 0.1, 0.42), (1.5, 0.45, 0.48), steel)])


def advertising_column() -> Mesh:
    """Return a round column with posters (class Other)."""
    paper = Surface("Other", Material.BRICK, (0.50, 0.42, 0.30), 0.5)
    cap = Surface("Other", Material.METAL, (0.08, 0.16, 0.12))
    return merged(
        [
            rod((0, 0, 0), (0, 0, 2.9), 0.6, paper, sides=14),
            rod((0, 0, 2.9), (0, 0, 3.4), (0.72, 0.1), cap, sides=14),
        ]
    )
