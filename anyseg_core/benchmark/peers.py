"""What the front end's work is held against: numpy's ways, and other packages where installed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.benchmark.inputs import WINDOW_NS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from anyseg_core.geometry import Camera
    from anyseg_core.types import EventArray, Float32Array, Float64Array

NS_PER_US = 1000


def optional(name: str) -> Any | None:  # noqa: ANN401 - a module, or nothing
    """Return a package that only the benchmark uses, or None where it cannot be imported."""
    try:
        return import_module(name)
    except ImportError:
        return None


def cells(events: EventArray, width: int, height: int) -> NDArray[np.int64]:
    """Return each event's place in a flattened image [2, H, W]."""
    cell: NDArray[np.int64] = events.y.astype(np.int64) * width + events.x
    cell += (events.p == 0) * (width * height)
    return cell


def bincount(events: EventArray, width: int, height: int) -> Float32Array:
    """Count polarities with np.bincount."""
    counts = np.bincount(cells(events, width, height), minlength=2 * width * height)
    return counts.astype(np.float32).reshape(2, height, width)


def add_at(events: EventArray, width: int, height: int) -> Float32Array:
    """Count polarities with np.add.at."""
    image = np.zeros(2 * width * height, np.float32)
    np.add.at(image, cells(events, width, height), np.float32(1.0))
    return image.reshape(2, height, width)


def voxels_add_at(events: EventArray, width: int, height: int, bins: int) -> Float32Array:
    """Make a voxel grid with np.add.at."""
    grid = np.zeros(bins * width * height, np.float32)
    position = events.t_ns * ((bins - 1) / WINDOW_NS)
    first = np.minimum(position.astype(np.int64), bins - 2)
    later = (position - first).astype(np.float32)
    sign = events.p.astype(np.float32) * 2 - 1
    cell = (first * height + events.y) * width + events.x
    np.add.at(grid, cell, sign * (1 - later))
    np.add.at(grid, cell + width * height, sign * later)
    return grid.reshape(bins, height, width)


def decode_evt3(data: bytes) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Decode EVT3 without vectors to x, y and polarity with numpy; times go with them."""
    words = np.frombuffer(data, "<u2")
    kind = words >> 12
    last = np.maximum.accumulate(np.where(kind == 0, np.arange(words.size), 0))
    high = np.maximum.accumulate(np.where(kind == 8, np.arange(words.size), 0))
    low = np.maximum.accumulate(np.where(kind == 6, np.arange(words.size), 0))
    at = np.flatnonzero(kind == 2)
    t_us = (words[high[at]] & 0xFFF).astype(np.int64) << 12 | words[low[at]] & 0xFFF
    assert t_us.size == at.size  # the times are part of decoding
    return words[at] & 0x7FF, words[last[at]] & 0x7FF, words[at] >> 11 & 1


def decode_and_bin(data: bytes, width: int, height: int) -> Float32Array:
    """Decode EVT3 and count polarities, with numpy."""
    x, y, p = decode_evt3(data)
    cell = y.astype(np.int64) * width + x + (p == 0) * (width * height)
    counts = np.bincount(cell, minlength=2 * width * height)
    return counts.astype(np.float32).reshape(2, height, width)


def project_by_sorting(
    points: Float32Array, camera: Camera, camera_from_lidar: Float64Array
) -> Float32Array:
    """Draw a sweep with numpy: far points first by np.lexsort, so that near ones overwrite them."""
    k1, k2, p1, p2, k3 = camera.distortion
    xyz = points[:, :3].astype(np.float64)
    x, y, z = (xyz @ camera_from_lidar[:3, :3].T + camera_from_lidar[:3, 3]).T
    front = z > 0.0
    a, b = x[front] / z[front], y[front] / z[front]
    s = a * a + b * b
    scale = 1.0 + s * (k1 + s * (k2 + s * k3))
    u = a * scale + 2 * p1 * a * b + p2 * (s + 2 * a * a)
    v = b * scale + p1 * (s + 2 * b * b) + 2 * p2 * a * b
    column = np.floor(camera.matrix[0, 0] * u + camera.matrix[0, 2] + 0.5).astype(np.int64)
    row = np.floor(camera.matrix[1, 1] * v + camera.matrix[1, 2] + 0.5).astype(np.int64)
    inside = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    kept = np.flatnonzero(front)[inside]
    pixel = row[inside] * camera.width + column[inside]
    range_m = np.linalg.norm(xyz[kept], axis=1)
    order = np.lexsort((-range_m, pixel))
    channels = np.zeros((3, camera.height * camera.width), np.float32)
    values = (range_m, points[kept, 3], points[kept, 2])
    for channel, value in zip(channels, values, strict=True):
        channel[pixel[order]] = value[order]
    return channels.reshape(3, camera.height, camera.width)


def dv_edge_map(events: EventArray, width: int, height: int) -> Callable[[], object] | None:
    """Return a run of dv-processing's EdgeMapAccumulator; None where it is not installed."""
    dv = optional("dv_processing")
    if dv is None:
        return None
    store = dv.EventStore()
    for t_us, x, y, p in zip(
        (events.t_ns // NS_PER_US).tolist(), events.x.tolist(), events.y.tolist(),
        events.p.astype(bool).tolist(), strict=True,
    ):  # fmt: skip
        store.push_back(t_us, x, y, p)
    accumulator = dv.EdgeMapAccumulator((width, height))

    def run() -> object:
        accumulator.accept(store)
        return accumulator.generateFrame()

    return run


def evt3_decode(data: bytes) -> Callable[[], object] | None:
    """Return a run of PyPI's evt3, which decodes alone; None where it is not installed."""
    evt3 = optional("evt3")
    return None if evt3 is None else lambda: evt3.decode_bytes(data)
