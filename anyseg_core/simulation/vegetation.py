"""Trees, hedges and bushes: rough blobs inside a cloud of single leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.simulation.materials import Material
from anyseg_core.simulation.meshes import Colour, Mesh, Surface, box, ellipsoid, merged, quads, rod

if TYPE_CHECKING:
    from collections.abc import Sequence

_GREENS: tuple[Colour, ...] = (
    (0.07, 0.15, 0.03), (0.10, 0.18, 0.04), (0.05, 0.12, 0.04), (0.14, 0.19, 0.05),
    (0.16, 0.14, 0.04),
)  # fmt: skip


def _foliage(rng: np.random.Generator) -> Surface:
    colour = _GREENS[int(rng.integers(len(_GREENS)))]
    return Surface("Vegetation", Material.FOLIAGE, colour, float(rng.uniform()))


def _leaves(centre: Sequence[float], radii_m: Sequence[float], count: int, size_m: float,
            surface: Surface, rng: np.random.Generator) -> Mesh:  # fmt: skip
    """Return square leaf clusters, turned at random, in the outer part of an ellipsoid."""
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    middle = np.asarray(centre) + direction * np.asarray(radii_m) * rng.uniform(
        0.78, 1.12, (count, 1)
    )
    first = rng.normal(size=(count, 3))
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(first, rng.normal(size=(count, 3)))
    second /= np.linalg.norm(second, axis=1, keepdims=True)
    extent = size_m * rng.uniform(0.6, 1.3, (count, 1))
    a, b = first * extent, second * extent * 0.7
    return quads(np.stack([middle - a, middle - b, middle + a, middle + b], 1), surface)


def tree(rng: np.random.Generator, height_m: float) -> Mesh:
    """Return a broad-leaved tree on its trunk; the trunk is Vegetation too, as in DELIVER."""
    bark = Surface("Vegetation", Material.BARK, (0.12, 0.08, 0.05))
    green = _foliage(rng)
    fork = height_m * rng.uniform(0.28, 0.38)
    spread = height_m * rng.uniform(0.2, 0.27)
    lean = rng.uniform(-0.15, 0.15, 2)
    parts = [rod((0, 0, 0), (lean[0], lean[1], fork * 1.5), (0.19, 0.10), bark)]
    for _ in range(int(rng.integers(4, 7))):
        offset = rng.uniform(-0.62, 0.62, 2) * spread
        centre = (offset[0], offset[1], height_m * rng.uniform(0.52, 0.84))
        radii = spread * rng.uniform(0.55, 0.8, 3) * np.array([1.0, 1.0, 0.85])
        parts.append(rod((lean[0], lean[1], fork), centre, (0.09, 0.03), bark, sides=5))
        parts.append(ellipsoid(centre, 0.85 * radii, green, roughness=0.22, rng=rng))
        parts.append(_leaves(centre, radii, 64, 0.19 * spread, green, rng))
    return merged(parts)


def conifer(rng: np.random.Generator, height_m: float) -> Mesh:
    """Return a spruce: a trunk and skirts of branches."""
    bark = Surface("Vegetation", Material.BARK, (0.10, 0.07, 0.05))
    green = Surface("Vegetation", Material.FOLIAGE, (0.03, 0.08, 0.035), float(rng.uniform()))
    parts = [rod((0, 0, 0), (0, 0, height_m * 0.9), (0.16, 0.03), bark)]
    for layer in np.linspace(0.12, 0.9, 7):
        radius = height_m * 0.24 * (1.05 - layer)
        low, high = height_m * layer, height_m * (layer + 0.2)
        parts.append(rod((0, 0, low), (0, 0, high), (radius, 0.02), green, sides=9))
        parts.append(
            _leaves((0, 0, low + 0.1), (radius, radius, 0.35), 40, 0.35 * radius, green, rng)
        )
    return merged(parts)


def bush(rng: np.random.Generator, radius_m: float) -> Mesh:
    """Return a bush."""
    green = _foliage(rng)
    radii = (radius_m, radius_m, 0.8 * radius_m)
    centre = (0.0, 0.0, 0.6 * radius_m)
    core = tuple(0.85 * radius for radius in radii)
    return merged(
        [
            ellipsoid(centre, core, green, roughness=0.2, rng=rng),
            _leaves(centre, radii, 70, 0.2 * radius_m, green, rng),
        ]
    )


def hedge(rng: np.random.Generator, length_m: float, height_m: float) -> Mesh:
    """Return a clipped hedge along x from 0 to ``length_m``, 0.8 m deep."""
    green = _foliage(rng)
    parts = [box((0, 0.08, 0), (length_m, 0.72, height_m - 0.06), green)]
    count = int(36 * length_m)
    where = rng.uniform(0, 1, (count, 3)) * [length_m, 0.8, height_m]
    face = rng.integers(3, size=count)
    where[face == 0, 1] = rng.uniform(0.0, 0.1, int((face == 0).sum()))
    where[face == 1, 1] = rng.uniform(0.7, 0.8, int((face == 1).sum()))
    where[face == 2, 2] = height_m - rng.uniform(0.0, 0.1, int((face == 2).sum()))
    a, b = rng.normal(0, 0.07, (2, count, 3))
    parts.append(quads(np.stack([where - a, where - b, where + a, where + b], 1), green))
    return merged(parts)
