"""What the camera's image plane sees at one instant: hits, classes, distances, light."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.simulation.materials import Material
from anyseg_core.simulation.products import dots, turned
from anyseg_core.simulation.shading import Lighting, Rays

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.simulation.raycasting import Hits, Instant
    from anyseg_core.types import BoolArray, Float32Array, Float64Array

_SUB_PIXELS = ((-0.3, -0.1), (0.1, 0.3), (0.25, -0.25))
"""Three places in a pixel that share no row and no column."""


_FINE = (Material.FOLIAGE, Material.LINE_PAINT, Material.FACADE)
_JUMP = np.array([0.02 if material in _FINE else 0.06 for material in Material])
"""By material, the step in 1 / range, as a part of it, that counts as an edge."""


_TURN = np.array([0.5, 0.3, 0.8], np.float32)
"""Normals that differ along this, differ."""


class CameraView:
    """One ray through the middle of every pixel, and more where a pixel holds an edge.

    Args:
        world: the world at the instant.
        world_from_camera: 4 x 4 pose of the camera, optical axes.
        matrix: 3 x 3 intrinsics.
        size: width and height in pixels.
        lighting: light and weather.
    """

    def __init__(self, world: Instant, world_from_camera: Float64Array, matrix: Float64Array,
                 size: tuple[int, int], lighting: Lighting) -> None:  # fmt: skip
        self._world, self._pose, self._matrix = world, world_from_camera, matrix
        self.width, self.height = size
        self._lighting = lighting
        self._rays = self._through(pixel_directions(matrix, size))
        self.hits: Hits = world.cast(self._rays.origin, self._rays.directions)

    def _through(self, directions: Float32Array) -> Rays:
        """Return rays along ``directions`` [R, 3], unit vectors in the camera's axes."""
        seen_along = turned(directions, self._pose[:3, :3])
        origin = self._pose[:3, 3].astype(np.float32)
        forward = self._pose[:3, 2].astype(np.float32)
        return Rays(origin, seen_along, forward, float(1.0 / self._matrix[0, 0]))

    @cached_property
    def distance_m(self) -> Float32Array:
        """Distance along the optical axis, float32 [H, W], Inf for the sky (REP 118)."""
        along = dots(self._rays.directions, self._rays.forward)
        return np.asarray((self.hits.range_m * along).reshape(self.height, self.width), np.float32)

    @cached_property
    def _edges(self) -> NDArray[np.intp]:
        """Pixels whose neighbour shows another thing: flat indices."""
        hits, shape = self.hits, (self.height, self.width)
        kind = (hits.class_id.astype(np.int32) * 64 + hits.material) * 2 + hits.struck
        near = 1.0 / np.maximum(hits.range_m, 0.1)
        turn = dots(hits.normal, _TURN)
        jump = _JUMP[hits.material]
        edge: BoolArray = np.zeros(shape, np.bool_)
        for axis in (0, 1):
            differs = np.diff(kind.reshape(shape), axis=axis) != 0
            differs |= np.abs(np.diff(turn.reshape(shape), axis=axis)) > 0.15
            before = (slice(None, -1), slice(None)) if axis == 0 else (slice(None), slice(None, -1))
            low = near.reshape(shape)[before]
            step = np.abs(np.diff(near.reshape(shape), axis=axis))
            differs |= step > jump.reshape(shape)[before] * low
            if axis == 0:
                edge[:-1] |= differs
                edge[1:] |= differs
            else:
                edge[:, :-1] |= differs
                edge[:, 1:] |= differs
        return np.flatnonzero(edge)

    @cached_property
    def coarse_radiance(self) -> Float32Array:
        """The light at the pixels' middles, float32 [H, W, 3], linear."""
        image = self._lighting.radiance(self._world, self.hits, self._rays)
        return image.reshape(self.height, self.width, 3)

    @cached_property
    def radiance(self) -> Float32Array:
        """The light in each pixel, float32 [H, W, 3], linear; edges are averaged over 3 rays."""
        image = self.coarse_radiance.reshape(-1, 3).copy()
        edges = self._edges
        parts = [
            pixel_directions(self._matrix, (self.width, self.height), shift)[edges]
            for shift in _SUB_PIXELS
        ]
        rays = self._through(np.concatenate(parts))
        hits = self._world.cast(rays.origin, rays.directions)
        light = self._lighting.radiance(self._world, hits, rays)
        image[edges] = light.reshape(len(_SUB_PIXELS), -1, 3).mean(0)
        return image.reshape(self.height, self.width, 3)


def pixel_directions(matrix: Float64Array, size: tuple[int, int],
                     shift: tuple[float, float] = (0.0, 0.0)) -> Float32Array:  # fmt: skip
    """Return unit vectors float32 [H * W, 3], in the optical axes, through all pixels.

    They pass through the pixels' middles, or through places ``shift`` (column, row) pixels away.
    """
    return _pixel_directions(tuple(matrix.ravel().tolist()), size, shift)


@lru_cache(maxsize=16)
def _pixel_directions(matrix: tuple[float, ...], size: tuple[int, int],
                      shift: tuple[float, float]) -> Float32Array:  # fmt: skip
    row, column = np.divmod(np.arange(size[0] * size[1]), size[0])
    ray = np.column_stack(
        [
            (column + shift[0] - matrix[2]) / matrix[0],
            (row + shift[1] - matrix[5]) / matrix[4],
            np.ones(len(row)),
        ]
    )
    unit = np.asarray(ray / np.linalg.norm(ray, axis=1, keepdims=True), np.float32)
    unit.setflags(write=False)
    return unit
