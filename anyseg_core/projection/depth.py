"""Depth images in metres, resized or registered to the camera's image plane."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.geometry.lens import FX, FY, locate_point
from anyseg_core.geometry.transforms import check_transform
from anyseg_core.kernels import array_in, array_out, constants, constants_in, kernel
from anyseg_core.parallel import run_halves
from anyseg_core.projection.buffers import check_output, clear_image
from anyseg_core.projection.normalisation import STATISTICS, statistics
from anyseg_core.types import BoolArray, Float32Array, Float64Array

if TYPE_CHECKING:
    from anyseg_core.geometry.camera import Camera
    from anyseg_core.normalisation import Normalisation

_WORTH_TWO_THREADS = 40_000  # pixels; below, waking a thread costs more than it saves
LARGEST_FOOTPRINT = 16
"""Longest side, in pixels, of the square that one registered depth pixel may cover."""

DepthPixels = NDArray[np.uint16] | Float32Array


@dataclass(frozen=True, slots=True)
class DepthImage:
    """Depth in the camera's image plane.

    Attributes:
        channels: float32 [3, H, W], depth z in metres, three times the same; 0 where invalid.
        valid: bool [H, W], True where there is a depth.
    """

    channels: Float32Array
    valid: BoolArray


def project_depth(
    depth: DepthPixels,
    metres_per_unit: float,
    width: int,
    height: int,
    *,
    normalisation: Normalisation | None = None,
    out: DepthImage | None = None,
) -> DepthImage:
    """Resize an aligned depth image to ``width`` x ``height``, taking the nearest pixel.

    Nearest by pixel centres (row floor((r + 0.5) * h / H)): values are never mixed across an
    edge. 0, negative, NaN and Inf are invalid (REP 118).

    Args:
        depth: uint16 or float32 [h, w], any strides and byte order.
        metres_per_unit: 0.001 for 16UC1, 1.0 for 32FC1.
        width: width of the result in pixels.
        height: height of the result in pixels.
        normalisation: where given, the channels are normalised on the way, as by ``normalise``.
        out: an image of that size to write into.

    Raises:
        RecordError: the depth image has another shape or type.
        ConfigurationError: the scale or size is not positive, or ``out`` is of another size.
    """
    pixels = _as_depth(depth, metres_per_unit)
    if width < 1 or height < 1:
        raise ConfigurationError(f"image size {width} x {height}", "a positive size", "correct it")
    image = _output(out, height, width)
    rows, columns = _nearest(pixels.shape[0], height), _nearest(pixels.shape[1], width)
    mean, scale = statistics(normalisation)

    def part(_: int, first: int, end: int) -> None:
        _resize(
            pixels, float(metres_per_unit), rows, columns, mean, scale, first, end, image.channels,
            image.valid,
        )  # fmt: skip

    if image.valid.size < _WORTH_TWO_THREADS:
        part(0, 0, height)
    else:
        run_halves(part, height)
    return image


def register_depth(
    depth: DepthPixels,
    metres_per_unit: float,
    depth_camera: Camera,
    camera: Camera,
    camera_from_depth: ArrayLike,
    *,
    out: DepthImage | None = None,
) -> DepthImage:
    """Move a depth image from its own camera into another camera's image plane.

    Each depth pixel is taken as a small square facing its camera and covers, in the other image,
    the square of its projected side times sqrt(2): so a surface has no cracks where the other
    camera resolves more or is rolled. The nearest surface wins each pixel. What only the other
    camera sees stays invalid: nothing is invented behind an edge.

    Args:
        depth: uint16 or float32 [h, w] of depth_camera's size; depth is z, not range (REP 118).
        metres_per_unit: 0.001 for 16UC1, 1.0 for 32FC1.
        depth_camera: the depth image's own camera.
        camera: the camera to draw for, already scaled to the wanted size.
        camera_from_depth: rigid transform [4, 4].
        out: an image of the camera's size to write into.

    Raises:
        RecordError: the depth image is not of depth_camera's size, or of another type.
        CalibrationError: the transform is not rigid.
        ConfigurationError: the scale is not positive, or ``out`` is of another size.
    """
    pixels = _as_depth(depth, metres_per_unit)
    transform = check_transform(camera_from_depth, "camera_from_depth")
    if pixels.shape != (depth_camera.height, depth_camera.width):
        raise RecordError(
            f"a depth image of {pixels.shape[1]} x {pixels.shape[0]}",
            f"{depth_camera.width} x {depth_camera.height}, its camera's size",
            "use the calibration of this image size, or Camera.scaled",
        )
    image = _output(out, camera.height, camera.width)
    clear_image(image.channels, image.valid)
    _register(
        pixels, float(metres_per_unit), _ray_table(depth_camera), depth_camera.lens, camera.lens,
        transform, image.channels, image.valid,
    )  # fmt: skip
    return image


@lru_cache(maxsize=16)
def _nearest(source: int, target: int) -> NDArray[np.int32]:
    """Return int32 [target]: the source pixel whose centre is nearest to each target pixel's."""
    return constants(((2 * np.arange(target) + 1) * source) // (2 * target), np.int32)


@lru_cache(maxsize=4)
def _ray_table(camera: Camera) -> Float32Array:
    """Return float32 [h, w, 2]: x / z and y / z of every pixel, NaN where there is no ray."""
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays, _ = camera.rays(np.stack((columns, rows), axis=-1))
    table = (rays[:, :2] / rays[:, 2:]).astype(np.float32)
    return table.reshape(camera.height, camera.width, 2)


def _as_depth(depth: DepthPixels, metres_per_unit: float) -> DepthPixels:
    native = depth.dtype.newbyteorder("=")
    if depth.ndim != 2 or 0 in depth.shape or native not in (np.uint16, np.float32):
        raise RecordError(
            f"a depth image of {depth.dtype} {depth.shape}",
            "uint16 or float32 [H, W], not empty",
            "publish 16UC1 or 32FC1 (REP 118)",
        )
    if not 0.0 < metres_per_unit < math.inf:
        raise ConfigurationError(
            f"metres_per_unit {metres_per_unit}", "a positive number", "use 0.001 or 1.0"
        )
    return cast("DepthPixels", depth.astype(native, copy=False))


def _output(out: DepthImage | None, height: int, width: int) -> DepthImage:
    if out is None:
        shape = (height, width)
        return DepthImage(np.zeros((3, *shape), np.float32), np.zeros(shape, np.bool_))
    check_output(out.channels, out.valid, height, width)
    return out


_PIXELS = (array_in("uint16", 2), array_in("float32", 2))
_IMAGE = (array_out("float32", 3), array_out("boolean", 2))


_AXIS = constants_in("int32", 1)


@kernel(
    *(
        (pixels, "float64", _AXIS, _AXIS, *STATISTICS, "int64", "int64", *_IMAGE)
        for pixels in _PIXELS
    )
)
def _resize(
    depth: DepthPixels,
    metres_per_unit: float,
    rows: NDArray[np.int32],
    columns: NDArray[np.int32],
    mean: Float32Array,
    scale: Float32Array,
    first_row: int,
    end_row: int,
    channels: Float32Array,
    valid: BoolArray,
) -> None:
    zero = np.float32(0.0)
    for r in range(first_row, end_row):
        row = np.uint64(rows[r])
        for c in range(columns.size):
            value = np.float32(depth[row, np.uint64(columns[c])] * metres_per_unit)
            good = 0.0 < value < np.inf
            valid[r, c] = good
            for channel in range(3):
                normalised = (value - mean[channel]) * scale[channel]
                channels[channel, r, c] = normalised if good else zero


_TABLES = (constants_in("float32", 3), *(constants_in("float64", n) for n in (1, 1, 2)))


@kernel(*((pixels, "float64", *_TABLES, *_IMAGE) for pixels in _PIXELS))
def _register(
    depth: DepthPixels,
    metres_per_unit: float,
    rays: Float32Array,
    depth_lens: Float64Array,
    lens: Float64Array,
    m: Float64Array,
    channels: Float32Array,
    valid: BoolArray,
) -> None:
    height, width = valid.shape
    half_x = 0.5 * math.sqrt(2.0) * lens[FX] / depth_lens[FX]
    half_y = 0.5 * math.sqrt(2.0) * lens[FY] / depth_lens[FY]
    for i in range(depth.shape[0]):
        for j in range(depth.shape[1]):
            z = depth[i, j] * metres_per_unit
            if not 0.0 < z < np.inf:
                continue
            x, y = rays[i, j, 0] * z, rays[i, j, 1] * z
            inside, u, v, new_z = locate_point(lens, m, x, y, z, width, height)
            if not inside:
                continue
            value = np.float32(new_z)
            reach_x = min(half_x * z / new_z, 0.5 * LARGEST_FOOTPRINT)
            reach_y = min(half_y * z / new_z, 0.5 * LARGEST_FOOTPRINT)
            column, row = math.floor(u + 0.5), math.floor(v + 0.5)
            first_row = max(min(math.ceil(v - reach_y), row), 0)
            last_row = min(max(math.ceil(v + reach_y) - 1, row), height - 1)
            first_column = max(min(math.ceil(u - reach_x), column), 0)
            last_column = min(max(math.ceil(u + reach_x) - 1, column), width - 1)
            for r in range(first_row, last_row + 1):
                for c in range(first_column, last_column + 1):
                    if not valid[r, c] or value < channels[0, r, c]:
                        valid[r, c] = True
                        channels[0, r, c] = value
                        channels[1, r, c] = value
                        channels[2, r, c] = value
