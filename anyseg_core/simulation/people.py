"""Pedestrians and riders, built from parts that can swing at the hip and shoulder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyseg_core.simulation.materials import Material
from anyseg_core.simulation.meshes import Colour, Mesh, Surface, ellipsoid, rod

if TYPE_CHECKING:
    import numpy as np

_CLOTHES: tuple[Colour, ...] = (
    (0.04, 0.05, 0.08), (0.45, 0.06, 0.05), (0.08, 0.15, 0.40), (0.60, 0.58, 0.52),
    (0.55, 0.40, 0.05), (0.10, 0.28, 0.12), (0.30, 0.10, 0.30), (0.18, 0.12, 0.08),
)  # fmt: skip
_SKIN: tuple[Colour, ...] = ((0.55, 0.36, 0.26), (0.35, 0.20, 0.12), (0.15, 0.08, 0.05))

HIP_M, SHOULDER_M = 0.88, 1.40
"""Heights about which legs and arms swing."""

SwingPart = tuple[Mesh, float, float]
"""A part, the height about which it swings, and its swing: -1, 0 or 1."""


def _cloth(rng: np.random.Generator, colours: tuple[Colour, ...] = _CLOTHES) -> Surface:
    return Surface("Pedestrian", Material.CLOTH, colours[int(rng.integers(len(colours)))])


def _head(x: float, rng: np.random.Generator) -> list[Mesh]:
    skin, hair = _cloth(rng, _SKIN), _cloth(rng, ((0.02, 0.015, 0.01), (0.20, 0.12, 0.05)))
    return [
        ellipsoid((x, 0, 1.60), (0.10, 0.085, 0.13), skin, rings=4, sides=6),
        ellipsoid((x - 0.02, 0, 1.65), (0.105, 0.095, 0.11), hair, rings=3, sides=6),
        rod((x, 0, 1.40), (x, 0, 1.52), 0.055, skin, sides=6),
    ]


def pedestrian(rng: np.random.Generator) -> list[SwingPart]:
    """Return a walking person, 1.73 m tall, facing x."""
    coat, trousers, shoes = _cloth(rng), _cloth(rng), _cloth(rng)
    still = [
        ellipsoid((0, 0, 1.15), (0.13, 0.21, 0.36), coat),
        ellipsoid((0, 0, 0.90), (0.13, 0.18, 0.14), trousers, rings=3, sides=6),
        *_head(0.0, rng),
    ]
    if rng.uniform() < 0.4:
        still.append(ellipsoid((-0.17, 0, 1.22), (0.11, 0.16, 0.22), _cloth(rng)))
    parts: list[SwingPart] = [(mesh, 0.0, 0.0) for mesh in still]
    for side in (-1.0, 1.0):
        leg = rod((0, side * 0.09, 0.06), (0, side * 0.09, HIP_M), (0.055, 0.085), trousers, 6)
        shoe = ellipsoid((0.06, side * 0.09, 0.05), (0.14, 0.05, 0.05), shoes, rings=2, sides=5)
        arm = rod((0, side * 0.25, 0.80), (0, side * 0.21, SHOULDER_M), (0.04, 0.06), coat, 5)
        parts += [(leg, HIP_M, side), (shoe, HIP_M, side), (arm, SHOULDER_M, -side)]
    return parts


def rider(rng: np.random.Generator) -> list[SwingPart]:
    """Return a person who sits on a two-wheeler (class Pedestrian)."""
    coat, trousers = _cloth(rng), _cloth(rng)
    helmet = Surface("Pedestrian", Material.CAR_PAINT, (0.6, 0.6, 0.6))
    meshes = [
        rod((-0.18, 0, 0.92), (0.02, 0, 1.45), (0.16, 0.19), coat),
        *_head(0.08, rng),
        ellipsoid((0.07, 0, 1.69), (0.13, 0.11, 0.09), helmet, rings=4),
    ]
    for side in (-1.0, 1.0):
        meshes += [
            rod((-0.15, side * 0.11, 0.92), (0.20, side * 0.13, 0.70), 0.08, trousers),
            rod((0.20, side * 0.13, 0.70), (0.02, side * 0.12, 0.32), 0.06, trousers),
            rod((0.02, side * 0.20, 1.38), (0.36, side * 0.26, 1.07), 0.05, coat),
        ]
    return [(mesh, 0.0, 0.0) for mesh in meshes]
