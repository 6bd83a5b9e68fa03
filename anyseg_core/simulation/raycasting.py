"""The world as Open3D sees it: a static scene built once and a small one for each instant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.errors import MissingDependencyError
from anyseg_core.kernels import array_out, constants_in, kernel

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

    from anyseg_core.simulation.meshes import Mesh
    from anyseg_core.types import BoolArray, Float32Array, UInt8Array


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
        self.attributes = (
            _normals(mesh), mesh.texture, mesh.class_id, mesh.material, mesh.colour, mesh.style,
        )  # fmt: skip
        self._tensor = open3d.core.Tensor
        self._scene = open3d.t.geometry.RaycastingScene()
        corners = np.ascontiguousarray(mesh.vertices.reshape(-1, 3))
        index = np.arange(len(corners), dtype=np.uint32).reshape(-1, 3)
        self._scene.add_triangles(self._tensor(corners), self._tensor(index))

    def cast(self, rays: Float32Array) -> dict[str, Any]:
        answer = self._scene.cast_rays(self._tensor(rays), nthreads=1)
        names = ("t_hit", "primitive_ids", "primitive_uvs")
        return {name: answer[name].numpy() for name in names}

    def occluded(self, rays: Float32Array, far_m: float) -> BoolArray:
        answer = self._scene.test_occlusions(self._tensor(rays), tnear=0.0, tfar=far_m, nthreads=1)
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
        """Return the nearest hit of rays from ``origins`` [R, 3] along unit ``directions``."""
        rays = np.concatenate([origins, directions], 1)
        still, moving = self._static.cast(rays), self._moving.cast(rays)
        nearer = moving["t_hit"] < still["t_hit"]
        range_m = np.where(nearer, moving["t_hit"], still["t_hit"])
        struck = np.isfinite(range_m)
        hits = _empty(range_m, struck)
        targets = (hits.normal, hits.texture, hits.class_id, hits.material, hits.colour, hits.style)
        for scene, answer, mine in (
            (self._static, still, struck & ~nearer),
            (self._moving, moving, nearer),
        ):
            _fill(
                mine, answer["primitive_ids"], answer["primitive_uvs"], directions,
                scene.attributes, targets,
            )  # fmt: skip
        return hits

    def occluded(self, points: Float32Array, directions: Float32Array, far_m: float) -> BoolArray:
        """Return bool [R], true where something lies within ``far_m`` along ``directions``."""
        rays = np.concatenate([points, directions], 1)
        occluded = self._static.occluded(rays, far_m)
        clear = np.flatnonzero(~occluded)
        occluded[clear] = self._moving.occluded(rays.take(clear, 0), far_m)
        return occluded


def _empty(range_m: Float32Array, struck: BoolArray) -> Hits:
    count = len(range_m)
    return Hits(
        range_m, struck, np.zeros((count, 3), np.float32), np.zeros((count, 3), np.float32),
        np.zeros(count, np.uint8), np.zeros(count, np.uint8), np.zeros((count, 3), np.float32),
        np.zeros(count, np.float32),
    )  # fmt: skip


_MESH = (
    constants_in("float32", 2), constants_in("float32", 3), constants_in("uint8", 1),
    constants_in("uint8", 1), constants_in("float32", 2), constants_in("float32", 1),
)  # fmt: skip
_HITS = (
    array_out("float32", 2), array_out("float32", 2), array_out("uint8", 1),
    array_out("uint8", 1), array_out("float32", 2), array_out("float32", 1),
)  # fmt: skip


@kernel(
    (
        constants_in("boolean", 1), constants_in("uint32", 1), constants_in("float32", 2),
        constants_in("float32", 2), _MESH, _HITS,
    )
)  # fmt: skip
def _fill(mine: BoolArray, face: NDArray[np.uint32], uv: Float32Array, directions: Float32Array,
          mesh: tuple[Any, ...], hits: tuple[Any, ...]) -> None:  # fmt: skip
    """Write what a mesh knows of the triangles ``face`` struck by the rays ``mine``."""
    normals, texture, class_id, material, colour, style = mesh
    to_normal, to_texture, to_class, to_material, to_colour, to_style = hits
    for n in range(len(mine)):
        if not mine[n]:
            continue
        f = face[n]
        along = np.float32(0.0)
        for axis in range(3):
            along += normals[f, axis] * directions[n, axis]
        sign = np.float32(-1.0) if along > 0 else np.float32(1.0)
        u, v = uv[n, 0], uv[n, 1]
        for axis in range(3):
            to_normal[n, axis] = sign * normals[f, axis]
            to_texture[n, axis] = (
                (1 - u - v) * texture[f, 0, axis]
                + u * texture[f, 1, axis]
                + v * texture[f, 2, axis]
            )
            to_colour[n, axis] = colour[f, axis]
        to_class[n], to_material[n], to_style[n] = class_id[f], material[f], style[f]


def _normals(mesh: Mesh) -> Float32Array:
    """Return the triangles' unit normals, float32 [T, 3]."""
    corner = mesh.vertices
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    return np.asarray(normal, np.float32)


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
