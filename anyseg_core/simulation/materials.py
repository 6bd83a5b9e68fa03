"""What surfaces are made of."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from anyseg_core.types import Float32Array


class Material(IntEnum):
    """The material of a surface: it decides texture, gloss, glow and LiDAR reflectivity."""

    ASPHALT = 0
    LINE_PAINT = 1
    PAVING = 2
    FACADE = 3
    ROOF = 4
    FOLIAGE = 5
    BARK = 6
    METAL = 7
    SIGN = 8
    SIGNAL = 9
    LAMP = 10
    CAR_PAINT = 11
    GLASS = 12
    RUBBER = 13
    CLOTH = 14
    GRASS = 15
    CONCRETE = 16
    WOOD = 17
    WATER = 18
    GRAVEL = 19
    BRICK = 20


def _table(default: float, values: dict[Material, float]) -> Float32Array:
    return np.array([values.get(material, default) for material in Material], np.float32)


GLOSS = _table(
    0.0,
    {
        Material.CAR_PAINT: 0.10,
        Material.GLASS: 0.28,
        Material.WATER: 0.30,
        Material.METAL: 0.04,
        Material.LAMP: 0.10,
    },
)
"""Share of the sky mirrored at normal incidence; it rises to 1 at grazing angles."""

REFLECTIVITY = _table(
    0.25,
    {
        Material.ASPHALT: 0.10,
        Material.LINE_PAINT: 0.75,
        Material.PAVING: 0.28,
        Material.FACADE: 0.35,
        Material.FOLIAGE: 0.45,
        Material.METAL: 0.40,
        Material.SIGN: 1.00,
        Material.CAR_PAINT: 0.30,
        Material.GLASS: 0.06,
        Material.RUBBER: 0.05,
        Material.GRASS: 0.40,
        Material.WATER: 0.02,
    },
)
"""Diffuse reflectivity in the near infrared, 0..1, in the order in which real scans rank them."""
