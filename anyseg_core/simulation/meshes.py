"""Triangle soups with what shading needs to know of each triangle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.classes import DELIVER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from anyseg_core.simulation.materials import Material
    from anyseg_core.types import Float32Array, Float64Array, UInt8Array

Colour = tuple[float, float, float]

_CLASS_ID = {name: index for index, name in enumerate(DELIVER.names)}


@dataclass(frozen=True, slots=True)
class Surface:
    """Class, material and colour of a piece of surface.

    Attributes:
        name: the class's name in DELIVER.
        material: what it is made of.
        colour: linear albedo, RGB in 0..1; for lamps the colour of the light.
        style: a number in 0..1 from which the texture derives its variations.
    """

    name: str
    material: Material
    colour: Colour
    style: float = 0.0

    @property
    def class_id(self) -> int:
        """The class's id in DELIVER."""
        return _CLASS_ID[self.name]


@dataclass(frozen=True, slots=True)
class Mesh:
    """T triangles that share no vertices.

    Attributes:
        vertices: float32 [T, 3, 3], metres.
        texture: float32 [T, 3, 3], texture coordinates of the vertices: metres in the object's
            own axes; on facades bays, storeys and 0.
        class_id: uint8 [T], DELIVER's ids.
        material: uint8 [T].
        colour: float32 [T, 3], linear albedo.
        style: float32 [T].
    """

    vertices: Float32Array
    texture: Float32Array
    class_id: UInt8Array
    material: UInt8Array
    colour: Float32Array
    style: Float32Array

    def __len__(self) -> int:
        return len(self.vertices)

    def moved(self, offset: ArrayLike, yaw_rad: float = 0.0) -> Mesh:
        """Return the mesh turned about its z axis, then shifted; its texture stays with it."""
        cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
        rotation = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
        vertices = self.vertices @ rotation.T + np.asarray(offset)
        return replace(self, vertices=vertices.astype(np.float32))

    def mirrored(self) -> Mesh:
        """Return the mesh with y reversed."""
        return replace(self, vertices=self.vertices * np.array([1.0, -1.0, 1.0], np.float32))

    def selected(self, keep: ArrayLike) -> Mesh:
        """Return the triangles that ``keep`` (boolean mask or indices) picks."""
        index = np.asarray(keep)
        return Mesh(
            self.vertices[index],
            self.texture[index],
            self.class_id[index],
            self.material[index],
            self.colour[index],
            self.style[index],
        )


def triangles(vertices: ArrayLike, surface: Surface, texture: ArrayLike | None = None) -> Mesh:
    """Return a mesh of one surface from vertices [T, 3, 3]; the texture is the position itself."""
    corner = np.asarray(vertices, np.float32).reshape(-1, 3, 3)
    count = len(corner)
    # Streets are made of ten thousand small meshes: np.full and np.tile take half of the time.
    colour = np.empty((count, 3), np.float32)
    colour[:] = surface.colour
    class_id, material = np.empty(count, np.uint8), np.empty(count, np.uint8)
    class_id[:], material[:] = surface.class_id, surface.material
    style = np.empty(count, np.float32)
    style[:] = surface.style
    coordinates = corner if texture is None else np.asarray(texture, np.float32)
    return Mesh(corner, coordinates.reshape(-1, 3, 3), class_id, material, colour, style)


def merged(meshes: Iterable[Mesh]) -> Mesh:
    """Return all triangles of several meshes (at least one), in their order."""
    parts = list(meshes)
    return Mesh(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([part.texture for part in parts]),
        np.concatenate([part.class_id for part in parts]),
        np.concatenate([part.material for part in parts]),
        np.concatenate([part.colour for part in parts]),
        np.concatenate([part.style for part in parts]),
    )


_HALVES = np.array([[0, 1, 2], [0, 2, 3]])


def quads(corners: ArrayLike, surface: Surface, texture: ArrayLike | None = None) -> Mesh:
    """Return two triangles for each quadrilateral of ``corners`` [Q, 4, 3]."""
    corner = np.asarray(corners, np.float32).reshape(-1, 4, 3)[:, _HALVES]
    coordinates = None
    if texture is not None:
        coordinates = np.asarray(texture, np.float32).reshape(-1, 4, 3)[:, _HALVES]
    return triangles(corner, surface, coordinates)


def prism(bottom: ArrayLike, top: ArrayLike, surface: Surface, *, lid: bool = True) -> Mesh:
    """Return the walls between two rings [K, 3] of equally many corners, with lids as fans."""
    rings = np.array([bottom, top], np.float64)
    sides = rings.shape[1]
    return triangles(rings.reshape(-1, 3)[_prism_corners(sides, lid=lid)], surface)


@lru_cache
def _prism_corners(sides: int, *, lid: bool) -> NDArray[np.intp]:
    """Return the triangles of a prism as places [T, 3] in its rings, the lower one first."""
    first = np.arange(sides)
    following = np.roll(first, -1)
    walls = np.stack([first, following, following + sides, first + sides], 1)
    parts = [walls[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)]
    fan = np.stack([np.zeros(sides - 2, np.intp), first[1:-1], first[2:]], 1)
    return np.concatenate([*parts, fan, fan + sides] if lid else parts)


def box(low: Sequence[float], high: Sequence[float], surface: Surface) -> Mesh:
    """Return the box between two corners."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    bottom = ((x0, y0, z0), (x1, y0, z0), (x1, y1, z0), (x0, y1, z0))
    return prism(bottom, ((x0, y0, z1), (x1, y0, z1), (x1, y1, z1), (x0, y1, z1)), surface)


def rod(start: Sequence[float], end: Sequence[float], radius_m: ArrayLike, surface: Surface,
        sides: int = 8) -> Mesh:  # fmt: skip
    """Return a round rod between two points; ``radius_m`` is one radius, or one for each end."""
    first, last = np.asarray(start, float), np.asarray(end, float)
    axis = (last - first) / np.linalg.norm(last - first)
    side = _cross(axis, (1.0, 0.0, 0.0) if abs(axis[0]) < 0.9 else (0.0, 1.0, 0.0))
    side /= np.linalg.norm(side)
    cos, sin = _circle(sides)
    ring = cos * side + sin * _cross(axis, side)
    radius = np.broadcast_to(np.asarray(radius_m, float), 2)
    return prism(first + radius[0] * ring, last + radius[1] * ring, surface)


def _cross(a: Sequence[float] | Float64Array, b: Sequence[float] | Float64Array) -> Float64Array:
    """Return the product of two vectors [3]; np.cross takes ten times as long."""
    return np.array(
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    )


@lru_cache
def _circle(sides: int) -> tuple[Float64Array, Float64Array]:
    """Return cosines and sines [sides, 1] of the corners of a polygon."""
    angle = np.linspace(0.0, 2.0 * np.pi, sides, endpoint=False)[:, None]
    return np.cos(angle), np.sin(angle)


def ellipsoid(centre: Sequence[float], radii_m: Sequence[float], surface: Surface, *,
              rings: int = 5, sides: int = 8, roughness: float = 0.0,
              rng: np.random.Generator | None = None) -> Mesh:  # fmt: skip
    """Return a ball of ``rings`` x ``sides`` faces, its vertices shifted by up to ``roughness``."""
    polar = np.linspace(0.0, np.pi, rings + 1)[:, None]
    angle = np.linspace(0.0, 2.0 * np.pi, sides, endpoint=False)[None]
    unit = np.stack(
        [np.sin(polar) * np.cos(angle), np.sin(polar) * np.sin(angle),
         np.cos(polar) * np.ones_like(angle)], -1,
    )  # fmt: skip
    if rng is not None:
        unit *= 1.0 + roughness * rng.uniform(-1.0, 1.0, (rings + 1, sides, 1))
    grid = np.asarray(centre) + unit * np.asarray(radii_m)
    turned = np.roll(grid, -1, axis=1)
    faces = np.stack([grid[:-1], grid[1:], turned[1:], turned[:-1]], 2)
    return quads(faces, surface)


def ribbon(span: tuple[float, float], edges: tuple[float, float], height_m: float,
           surface: Surface, step_m: float = 6.0) -> Mesh:  # fmt: skip
    """Return a level strip along x, cut into steps so that it can follow a bend of the street."""
    count = max(1, int(np.ceil((span[1] - span[0]) / step_m)))
    x = np.linspace(span[0], span[1], count + 1)
    corners = [
        [[a, edges[0], height_m], [b, edges[0], height_m],
         [b, edges[1], height_m], [a, edges[1], height_m]]
        for a, b in pairwise(x)
    ]  # fmt: skip
    return quads(corners, surface)


def kerb(span: tuple[float, float], y: float, heights: tuple[float, float], surface: Surface,
         step_m: float = 6.0) -> Mesh:  # fmt: skip
    """Return an upright strip along x at ``y``."""
    count = max(1, int(np.ceil((span[1] - span[0]) / step_m)))
    x = np.linspace(span[0], span[1], count + 1)
    low, high = heights
    corners = [[[a, y, low], [b, y, low], [b, y, high], [a, y, high]] for a, b in pairwise(x)]
    return quads(corners, surface)
