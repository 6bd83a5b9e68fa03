"""The world as Open3D sees it: a static scene built once and a small one for each instant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.errors import MissingDependencyError
from anyseg_core.kernels import array_out, constants_in, device, kernel
from anyseg_core.processes import usable_cores
from anyseg_core.simulation.relief import LOWEST_RISE, Relief

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

    from anyseg_core.simulation.meshes import Mesh
    from anyseg_core.types import BoolArray, Float32Array, UInt8Array

_MOST_THREADS = 2
"""Of Open3D, which keeps the interpreter's lock while it casts: so its calls never overlap."""

_CELL_M = 0.5
"""Of the map of heights that spares shadow rays."""

_TINY = np.float32(1e-12)


@dataclass(frozen=True, slots=True)
class Hits:
    """Where R rays struck; entries of rays that struck nothing are 0.

    Attributes:
        range_m: float32 [R], metres along the ray, Inf where nothing was struck.
        struck: bool [R].
        normal: float32 [R, 3], unit, on the side of the ray's origin.
        texture: float32 [R, 3], texture coordinates.
        class_id: uint8 [R].
        material: uint8 [R].
        colour: float32 [R, 3].
        style: float32 [R].
    """

    range_m: Float32Array
    struck: BoolArray
    normal: Float32Array
    texture: Float32Array
    class_id: UInt8Array
    material: UInt8Array
    colour: Float32Array
    style: Float32Array


def import_open3d() -> ModuleType:
    """Return Open3D.

    Raises:
        MissingDependencyError: if it, or the libusb that it loads, is not installed.
    """
    try:
        import open3d  # noqa: PLC0415 - optional: only simulation needs it, and it loads slowly
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"no usable Open3D ({error})",
            "Open3D with libusb for the simulator's ray casting",
            "run `pip install open3d-cpu`, and on Debian `apt-get install libusb-1.0-0`",
        ) from error
    module: ModuleType = open3d
    return module


class _Scene:
    """One triangle mesh in a ray-casting structure."""

    def __init__(self, open3d: ModuleType, mesh: Mesh) -> None:
        self.mesh = mesh
        self._relief: tuple[Float32Array, Relief] | None = None
        self.attributes = (
            _normals(mesh), mesh.texture, mesh.class_id, mesh.material, mesh.colour, mesh.style,
        )  # fmt: skip
        self._tensor = open3d.core.Tensor.from_numpy
        self._threads = min(_MOST_THREADS, usable_cores())  # one would be warned of that gets less
        self._scene = open3d.t.geometry.RaycastingScene()
        corners = np.ascontiguousarray(mesh.vertices.reshape(-1, 3))
        index = np.arange(len(corners), dtype=np.uint32).reshape(-1, 3)
        self._scene.add_triangles(self._tensor(corners), self._tensor(index))

    def cast(self, rays: Float32Array) -> tuple[NDArray[Any], ...]:
        """Return the distances, triangles and places in them that rays [R, 6] strike."""
        answer = self._scene.cast_rays(self._tensor(rays), nthreads=self._threads)
        names = ("t_hit", "primitive_ids", "primitive_uvs")
        return tuple(answer[name].numpy() for name in names)

    def relief(self, direction: Float32Array) -> Relief:
        """Return the heights seen along the sun's direction; the last ones are kept."""
        kept = self._relief
        if kept is None or not np.array_equal(kept[0], direction):
            kept = direction, Relief(self.mesh.vertices, direction, _CELL_M)
            self._relief = kept
        return kept[1]

    def occluded(self, rays: Float32Array, far_m: float) -> BoolArray:
        """Return bool [R], which of ``rays`` [R, 6] strike something within ``far_m``."""
        rays_in = self._tensor(rays)
        answer = self._scene.test_occlusions(rays_in, tnear=0.0, tfar=far_m, nthreads=self._threads)
        return np.asarray(answer.numpy(), np.bool_)


class Instant:
    """The world at one instant.

    Args:
        open3d: the module.
        static: the scene that never changes.
        moving: the moving triangles at this instant.
    """

    def __init__(self, open3d: ModuleType, static: _Scene, moving: Mesh) -> None:
        self._static = static
        self._moving = _Scene(open3d, moving)

    @property
    def meshes(self) -> tuple[Mesh, Mesh]:
        """The static and the moving triangles."""
        return self._static.mesh, self._moving.mesh

    def cast(self, origins: Float32Array, directions: Float32Array) -> Hits:
        """Return the nearest hit of rays from ``origins`` along unit ``directions`` [R, 3].

        The origins are [R, 3], or [3] where all rays share theirs.
        """
        rays = _joined(origins, directions)
        still, moving = self._static.cast(rays), self._moving.cast(rays)
        hits = _empty(len(rays))
        _resolve(
            still, moving, directions, self._static.attributes, self._moving.attributes,
            (hits.normal, hits.texture, hits.class_id, hits.material, hits.colour, hits.style),
            hits.range_m, hits.struck,
        )  # fmt: skip
        return hits

    def occluded(self, points: Float32Array, directions: Float32Array, far_m: float) -> BoolArray:
        """Return bool [R], true where something lies within ``far_m`` of ``points`` [R, 3].

        The directions are [R, 3], or [3] where all rays share theirs.
        """
        rays = _joined(points, directions)
        occluded = np.zeros(len(rays), np.bool_)
        for scene in (self._static, self._moving):
            if directions.ndim == 1 and directions[2] > LOWEST_RISE:
                rows = scene.relief(directions).candidates(rays, occluded)
            else:
                rows = np.flatnonzero(~occluded)
            occluded[rows] = scene.occluded(rays.take(rows, 0), far_m)
        return occluded


def _joined(starts: Float32Array, directions: Float32Array) -> Float32Array:
    """Return rays float32 [R, 6]; starts or directions may be one for all, [3]."""
    starts, directions = np.atleast_2d(starts, directions)
    rays = np.empty((max(len(starts), len(directions)), 6), np.float32)
    _join(starts, directions, rays)
    return rays


@kernel((constants_in("float32", 2), constants_in("float32", 2), array_out("float32", 2)))
def _join(starts: Float32Array, directions: Float32Array, rays: Float32Array) -> None:
    from_one, along_one = len(starts) < len(rays), len(directions) < len(rays)
    for n in range(len(rays)):
        start, along = 0 if from_one else n, 0 if along_one else n
        for axis in range(3):
            rays[n, axis], rays[n, 3 + axis] = starts[start, axis], directions[along, axis]


def _empty(count: int) -> Hits:
    return Hits(
        np.empty(count, np.float32), np.empty(count, np.bool_),
        np.empty((count, 3), np.float32), np.empty((count, 3), np.float32),
        np.empty(count, np.uint8), np.empty(count, np.uint8),
        np.empty((count, 3), np.float32), np.empty(count, np.float32),
    )  # fmt: skip


_ANSWER = (constants_in("float32", 1), constants_in("uint32", 1), constants_in("float32", 2))
_MESH = (
    constants_in("float32", 2), constants_in("float32", 3), constants_in("uint8", 1),
    constants_in("uint8", 1), constants_in("float32", 2), constants_in("float32", 1),
)  # fmt: skip
_HITS = (
    array_out("float32", 2), array_out("float32", 2), array_out("uint8", 1),
    array_out("uint8", 1), array_out("float32", 2), array_out("float32", 1),
)  # fmt: skip


@device
def _fill(n: int, face: int, u: np.float32, v: np.float32, directions: Float32Array,
          mesh: tuple[Any, ...], hits: tuple[Any, ...]) -> None:  # fmt: skip
    """Write what a mesh knows of the triangle ``face`` that ray ``n`` struck at ``u``, ``v``."""
    normals, texture, class_id, material, colour, style = mesh
    to_normal, to_texture, to_class, to_material, to_colour, to_style = hits
    along = np.float32(0.0)
    for axis in range(3):
        along += normals[face, axis] * directions[n, axis]
    sign = np.float32(-1.0) if along > 0 else np.float32(1.0)
    for axis in range(3):
        to_normal[n, axis] = sign * normals[face, axis]
        to_texture[n, axis] = (
            (1 - u - v) * texture[face, 0, axis]
            + u * texture[face, 1, axis]
            + v * texture[face, 2, axis]
        )
        to_colour[n, axis] = colour[face, axis]
    to_class[n], to_material[n], to_style[n] = class_id[face], material[face], style[face]


@kernel(
    (
        _ANSWER, _ANSWER, constants_in("float32", 2), _MESH, _MESH, _HITS,
        array_out("float32", 1), array_out("boolean", 1),
    )
)  # fmt: skip
def _resolve(still: tuple[Any, ...], moving: tuple[Any, ...], directions: Float32Array,
             still_mesh: tuple[Any, ...], moving_mesh: tuple[Any, ...], hits: tuple[Any, ...],
             range_m: Float32Array, struck: BoolArray) -> None:  # fmt: skip
    """Write the nearer of each ray's two hits, and 0 where it has none."""
    to_normal, to_texture, to_class, to_material, to_colour, to_style = hits
    for n in range(len(directions)):
        far, near = still[0][n], moving[0][n]
        range_m[n] = min(near, far)
        struck[n] = np.isfinite(range_m[n])
        if near < far:
            u, v = moving[2][n]
            _fill(n, moving[1][n], u, v, directions, moving_mesh, hits)
        elif struck[n]:
            u, v = still[2][n]
            _fill(n, still[1][n], u, v, directions, still_mesh, hits)
        else:
            to_normal[n], to_texture[n], to_colour[n] = 0.0, 0.0, 0.0
            to_class[n], to_material[n], to_style[n] = 0, 0, 0.0


def _normals(mesh: Mesh) -> Float32Array:
    """Return the triangles' unit normals, float32 [T, 3]."""
    normals = np.empty((len(mesh), 3), np.float32)
    _cross(mesh.vertices, normals)
    return normals


@kernel((constants_in("float32", 3), array_out("float32", 2)))
def _cross(corner: Float32Array, normals: Float32Array) -> None:
    edges = np.empty((2, 3), np.float32)
    for n in range(len(corner)):
        for axis in range(3):
            edges[0, axis] = corner[n, 1, axis] - corner[n, 0, axis]
            edges[1, axis] = corner[n, 2, axis] - corner[n, 0, axis]
        square = np.float32(0.0)
        for axis in range(3):
            i, j = (axis + 1) % 3, (axis + 2) % 3
            normals[n, axis] = edges[0, i] * edges[1, j] - edges[0, j] * edges[1, i]
            square += normals[n, axis] * normals[n, axis]
        length = max(np.sqrt(square), _TINY)
        for axis in range(3):
            normals[n, axis] /= length


class RaycastWorld:
    """Everything that rays can strike.

    Args:
        static: the triangles that never move.

    Raises:
        MissingDependencyError: if Open3D cannot be imported.
    """

    def __init__(self, static: Mesh) -> None:
        self._open3d = import_open3d()
        self._static = _Scene(self._open3d, static)
        # The first ray builds the structure; later ones may come from several threads.
        self._static.cast(np.array([[0, 0, 0, 0, 0, 1]], np.float32))

    def at(self, moving: Mesh) -> Instant:
        """Return the world with its moving triangles in their places."""
        return Instant(self._open3d, self._static, moving)
