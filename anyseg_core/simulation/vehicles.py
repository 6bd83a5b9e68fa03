"""Vehicles, each in its own axes: x forward, z up, the origin on the road under its middle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.simulation.materials import Material
from anyseg_core.simulation.meshes import Colour, Mesh, Surface, box, merged, prism, quads, rod

if TYPE_CHECKING:
    from anyseg_core.types import Float64Array

_CAR_COLOURS: tuple[Colour, ...] = (
    (0.55, 0.56, 0.58), (0.05, 0.05, 0.06), (0.75, 0.75, 0.74), (0.40, 0.04, 0.04),
    (0.05, 0.10, 0.30), (0.20, 0.22, 0.24), (0.30, 0.33, 0.20), (0.55, 0.42, 0.10),
)  # fmt: skip
_VAN_COLOURS: tuple[Colour, ...] = (
    (0.78, 0.78, 0.76), (0.70, 0.48, 0.05), (0.08, 0.22, 0.42), (0.45, 0.08, 0.06),
    (0.16, 0.30, 0.16),
)  # fmt: skip
_BUS_COLOURS: tuple[Colour, ...] = (
    (0.60, 0.06, 0.05), (0.70, 0.50, 0.06), (0.06, 0.26, 0.46), (0.10, 0.36, 0.18),
)  # fmt: skip


def _pick(colours: tuple[Colour, ...], rng: np.random.Generator) -> Colour:
    return colours[int(rng.integers(len(colours)))]


def _rect(x: tuple[float, float], half_width: float, z: float) -> Float64Array:
    return np.array(
        [[x[0], -half_width, z], [x[1], -half_width, z], [x[1], half_width, z],
         [x[0], half_width, z]],
    )  # fmt: skip


def _wheels(name: str, axles: tuple[float, ...], half_width: float, radius: float) -> list[Mesh]:
    tyre = Surface(name, Material.RUBBER, (0.02, 0.02, 0.02))
    hub = Surface(name, Material.METAL, (0.35, 0.35, 0.37))
    parts = []
    for x in axles:
        for side in (-1.0, 1.0):
            outer = side * (half_width + 0.02)
            inner = side * (half_width - 0.22)
            parts.append(rod((x, inner, radius), (x, outer, radius), radius, tyre, sides=12))
            parts.append(
                rod((x, outer, radius), (x, outer + side * 0.01, radius), 0.6 * radius, hub)
            )
    return parts


def _panes(name: str, bottom: Float64Array, top: Float64Array, share: float = 0.86) -> Mesh:
    """Return glass on the four walls of a cabin, a finger's breadth outside its frame."""
    following = np.roll(np.arange(4), -1)
    wall = np.stack([bottom, bottom[following], top[following], top], 1)
    centre = wall.mean(1, keepdims=True)
    normal = np.cross(wall[:, 1] - wall[:, 0], wall[:, 3] - wall[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    pane = centre + (wall - centre) * share + 0.012 * normal[:, None]
    return quads(pane, Surface(name, Material.GLASS, (0.025, 0.03, 0.035)))


def _lights(name: str, front_x: float, rear_x: float, half_width: float, z: float) -> list[Mesh]:
    white = Surface(name, Material.LAMP, (1.0, 0.95, 0.8), 0.9)
    red = Surface(name, Material.LAMP, (0.9, 0.03, 0.02), 0.35)
    parts = []
    for side in (-1.0, 1.0):
        y0, y1 = sorted((side * (half_width - 0.42), side * (half_width - 0.04)))
        parts.append(box((front_x - 0.05, y0, z - 0.07), (front_x + 0.015, y1, z + 0.07), white))
        parts.append(box((rear_x - 0.015, y0, z), (rear_x + 0.05, y1, z + 0.16), red))
    return parts


def car(rng: np.random.Generator) -> Mesh:
    """Return a saloon, hatchback or sport utility vehicle (class Cars)."""
    length, half = rng.uniform(3.9, 4.7), rng.uniform(0.86, 0.94)
    tall = float(rng.choice([0.0, 0.0, 0.22]))
    colour = _pick(_CAR_COLOURS, rng)
    paint = Surface("Cars", Material.CAR_PAINT, colour)
    dark = Surface("Cars", Material.RUBBER, (0.03, 0.03, 0.03))
    nose, tail, belt = length / 2, -length / 2, 0.92 + tall
    bonnet = nose - rng.uniform(0.95, 1.2)
    boot = tail + float(rng.choice([0.12, 0.75]))
    # The side seen from the left, from the front bumper over the bonnet to the rear bumper.
    outline = np.array(
        [[nose - 0.05, 0.28], [nose, 0.50], [nose - 0.06, 0.70 + tall / 2],
         [bonnet, belt - 0.04], [boot, belt], [tail + 0.03, belt - 0.06], [tail, 0.55],
         [tail + 0.08, 0.28]],
    )  # fmt: skip
    sides = []
    for y, swell in ((-half, 0.03), (half, -0.03)):
        lean = np.where(outline[:, 1] > 0.6, swell, 0.0)
        sides.append(np.column_stack([outline[:, 0], y + lean, outline[:, 1]]))
    low = _rect((boot, bonnet), half - 0.05, belt - 0.02)
    roof = _rect((boot + 0.35, bonnet - 0.75), half - 0.2, belt + 0.52)
    parts = [
        prism(sides[0], sides[1], paint),
        prism(low, roof, paint),
        _panes("Cars", low, roof),
        box((tail - 0.03, -half + 0.03, 0.26), (nose + 0.03, half - 0.03, 0.42), dark),
        *_wheels("Cars", (nose - 0.85, tail + 0.8), half, 0.32 + tall / 6),
        *_lights("Cars", nose, tail, half, 0.62 + tall / 2),
    ]
    plate = Surface("Cars", Material.SIGN, (0.7, 0.7, 0.65), 0.99)
    parts.append(box((tail - 0.03, -0.25, 0.5), (tail + 0.02, 0.25, 0.61), plate))
    return merged(parts)


def truck(rng: np.random.Generator) -> Mesh:
    """Return a delivery truck: a cab and a tall box (class Truck)."""
    length, half, height = rng.uniform(6.2, 8.2), 1.18, rng.uniform(3.0, 3.5)
    cab = Surface("Truck", Material.CAR_PAINT, _pick(_VAN_COLOURS, rng))
    cargo = Surface("Truck", Material.METAL, _pick(_VAN_COLOURS, rng), rng.uniform())
    dark = Surface("Truck", Material.RUBBER, (0.04, 0.04, 0.04))
    nose, tail = length / 2, -length / 2
    low = _rect((nose - 1.7, nose), half - 0.06, 0.5)
    middle = _rect((nose - 1.7, nose - 0.02), half - 0.06, 1.35)
    high = _rect((nose - 1.7, nose - 0.4), half - 0.14, 2.35)
    return merged(
        [
            prism(low, middle, cab),
            prism(middle, high, cab),
            _panes("Truck", middle, high, 0.8),
            box((tail, -half, 0.85), (nose - 1.85, half, height), cargo),
            box((tail, -half + 0.2, 0.55), (nose - 0.2, half - 0.2, 0.85), dark),
            *_wheels("Truck", (nose - 0.9, tail + 1.1), half - 0.05, 0.45),
            *_lights("Truck", nose, tail, half - 0.05, 0.78),
        ]
    )


def bus(rng: np.random.Generator) -> Mesh:
    """Return a city bus with a band of windows (class Bus)."""
    length, half, height = rng.uniform(9.5, 11.5), 1.25, 3.05
    paint = Surface("Bus", Material.CAR_PAINT, _pick(_BUS_COLOURS, rng))
    white = Surface("Bus", Material.CAR_PAINT, (0.7, 0.7, 0.68))
    glass = Surface("Bus", Material.GLASS, (0.03, 0.035, 0.04))
    board = Surface("Bus", Material.LAMP, (1.0, 0.55, 0.1), 0.5)
    nose, tail = length / 2, -length / 2
    parts = [
        box((tail, -half, 0.32), (nose, half, 1.35), paint),
        box((tail, -half + 0.02, 1.35), (nose - 0.03, half - 0.02, 2.5), white),
        box((tail, -half, 2.5), (nose, half, height), paint),
        box((nose - 0.05, -half + 0.12, 1.2), (nose + 0.015, half - 0.12, 2.45), glass),
        box((tail - 0.015, -half + 0.2, 1.5), (tail + 0.05, half - 0.2, 2.4), glass),
        box((nose, -0.8, 2.6), (nose + 0.02, 0.8, 2.9), board),
        *_wheels("Bus", (nose - 2.3, tail + 2.6), half - 0.02, 0.48),
        *_lights("Bus", nose, tail, half, 0.7),
    ]
    windows = int(length // 1.5)
    pitch = (length - 0.8) / windows
    for index in range(windows):
        x = tail + 0.4 + index * pitch
        parts.append(box((x + 0.08, -half, 1.42), (x + pitch - 0.08, half, 2.42), glass))
    return merged(parts)


def two_wheeler(rng: np.random.Generator) -> Mesh:
    """Return a bicycle or a scooter without its rider (class TwoWheeler)."""
    name = "TwoWheeler"
    tyre = Surface(name, Material.RUBBER, (0.03, 0.03, 0.03))
    frame = Surface(name, Material.CAR_PAINT, _pick(_CAR_COLOURS, rng))
    dark = Surface(name, Material.RUBBER, (0.05, 0.05, 0.05))
    scooter = rng.uniform() < 0.5
    radius, thickness = (0.26, 0.07) if scooter else (0.34, 0.03)
    parts = [
        rod((x, -thickness, radius), (x, thickness, radius), radius, tyre, sides=12)
        for x in (-0.52, 0.55)
    ]
    tube = 0.07 if scooter else 0.035
    for start, end in (
        ((-0.52, 0, radius), (-0.15, 0, 0.85)), ((-0.15, 0, 0.85), (0.40, 0, 0.80)),
        ((-0.10, 0, 0.35), (0.42, 0, 0.72)), ((-0.52, 0, radius), (-0.05, 0, 0.34)),
        ((0.55, 0, radius), (0.36, 0, 1.05)), ((-0.10, 0, 0.32), (-0.18, 0, 0.92)),
    ):  # fmt: skip
        parts.append(rod(start, end, tube, frame, sides=6))
    parts.append(rod((0.36, -0.3, 1.05), (0.36, 0.3, 1.05), 0.025, dark, sides=6))
    parts.append(box((-0.36, -0.09, 0.88), (-0.02, 0.09, 0.96), dark))
    if scooter:
        parts.append(box((-0.75, -0.17, 0.45), (-0.1, 0.17, 0.80), frame))
        parts.append(box((0.30, -0.22, 0.35), (0.42, 0.22, 0.95), frame))
    return merged(parts)
