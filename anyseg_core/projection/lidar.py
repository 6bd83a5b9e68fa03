"""LiDAR points to range, intensity and height in the camera's image plane."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.geometry.lens import locate_point
from anyseg_core.geometry.transforms import check_transform
from anyseg_core.kernels import array_in, array_out, constants_in, kernel
from anyseg_core.parallel import Scratch, run_halves
from anyseg_core.projection.buffers import check_output
from anyseg_core.projection.normalisation import STATISTICS, statistics

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from anyseg_core.geometry.camera import Camera
    from anyseg_core.normalisation import Normalisation
    from anyseg_core.types import BoolArray, Float32Array, Float64Array

_WORTH_TWO_THREADS = 20_000  # points; below, waking a thread costs more than it saves
_SCRATCH = Scratch()


@dataclass(frozen=True, slots=True)
class LidarImage:
    """A LiDAR sweep in the camera's image plane.

    Attributes:
        channels: float32 [3, H, W]: range in metres (the LiDAR's own, |p|), intensity as the
            driver gives it, height in metres (z in the LiDAR's frame), as in MUSES; 0 where
            nothing fell.
        valid: bool [H, W], True where a point fell.
    """

    channels: Float32Array
    valid: BoolArray


def project_lidar(
    points: ArrayLike,
    camera: Camera,
    camera_from_lidar: ArrayLike,
    *,
    min_range_m: float = 0.0,
    point_size: int = 1,
    normalisation: Normalisation | None = None,
    out: LidarImage | None = None,
) -> LidarImage:
    """Draw a sweep into the camera's image; the point of the smallest range wins each pixel.

    A point falls into the pixel whose centre is nearest. Dropped are points with a NaN or Inf
    coordinate (REP 117), at range 0 (a driver's mark for no return), nearer than ``min_range_m``,
    behind the camera, and where the lens does not see. Of points of equal range (in float32) the
    first in the cloud wins, so the result does not depend on threads or on the machine. A
    non-finite intensity is drawn as 0.

    Args:
        points: float32 or float64 [N, 3 or more], any strides: x, y, z in metres in the LiDAR's
            frame, then intensity where there is a fourth column.
        camera: the camera, already scaled to the wanted image size.
        camera_from_lidar: rigid transform [4, 4].
        min_range_m: points nearer to the LiDAR than this are dropped (1.0 in MUSES).
        point_size: side in pixels of the square drawn for each point; even sides reach one pixel
            further right and down.
        normalisation: where given, the channels are normalised on the way, as by ``normalise``.
        out: an image to draw into, made by an earlier call; its old points are erased first.

    Raises:
        RecordError: the points have another shape or are no numbers.
        CalibrationError: the transform is not rigid.
        ConfigurationError: point_size or min_range_m out of range, or ``out`` of another size.
    """
    cloud = as_points(points)
    transform = check_transform(camera_from_lidar, "camera_from_lidar")
    if not 1 <= point_size <= 64 or not 0.0 <= min_range_m < math.inf:
        raise ConfigurationError(
            f"point_size {point_size}, min_range_m {min_range_m}",
            "1 <= point_size <= 64 and a finite min_range_m >= 0",
            "correct these two values",
        )
    if out is None:
        shape = (camera.height, camera.width)
        out = LidarImage(np.zeros((3, *shape), np.float32), np.zeros(shape, np.bool_))
    else:
        check_output(out.channels, out.valid, camera.height, camera.width)
    _draw_sweep(cloud, camera, transform, float(min_range_m), int(point_size), normalisation, out)
    return out


def as_points(points: ArrayLike) -> Float32Array | Float64Array:
    """Return ``points`` as a native float32 or float64 [N, >= 3] array, copied only if need be.

    Raises:
        RecordError: another shape, or no numbers.
    """
    cloud = np.asarray(points)
    if cloud.ndim != 2 or cloud.shape[1] < 3 or cloud.dtype.kind not in "fiu":
        raise RecordError(
            f"points of shape {cloud.shape} and type {cloud.dtype}",
            "numbers [N, 3 or more]: x, y, z and perhaps intensity",
            "convert the cloud to columns first",
        )
    kind = np.float32 if cloud.dtype.kind == "f" and cloud.dtype.itemsize == 4 else np.float64
    return cast("Float32Array | Float64Array", cloud.astype(kind, copy=False))


def _draw_sweep(
    cloud: Float32Array | Float64Array,
    camera: Camera,
    transform: Float64Array,
    min_range_m: float,
    point_size: int,
    normalisation: Normalisation | None,
    out: LidarImage,
) -> None:
    """Find each point's pixel, then each pixel's nearest point, then write pixel after pixel.

    The planes are so written in the order in which they lie in memory, and each pixel once.
    """
    width, height = camera.width, camera.height
    mean, scale = statistics(normalisation)
    pixels = _SCRATCH.array("pixels", len(cloud), np.int32)
    ranges = _SCRATCH.array("ranges", len(cloud), np.float32)
    nearest = _SCRATCH.array("nearest", width * height, np.int32, -1).reshape(height, width)

    def locate(_: int, first: int, end: int) -> None:
        _locate(
            cloud, camera.lens, transform, min_range_m, width, height, first, end, pixels, ranges
        )

    def fill(_: int, first: int, end: int) -> None:
        _fill(cloud, ranges, nearest, mean, scale, first, end, out.channels, out.valid)

    if len(cloud) < _WORTH_TWO_THREADS:
        locate(0, 0, len(cloud))
        _find_nearest(pixels, ranges, point_size, nearest)
        fill(0, 0, height)
    else:
        run_halves(locate, len(cloud))
        _find_nearest(pixels, ranges, point_size, nearest)
        run_halves(fill, height)


_CLOUDS = (array_in("float32", 2), array_in("float64", 2))
_POSE = (constants_in("float64", 1), constants_in("float64", 2))
_PER_POINT = (array_out("int32", 1), array_out("float32", 1))
_NEAREST = array_out("int32", 2)
_RUN = ("int64", "int64")


@kernel(*((cloud, *_POSE, "float64", *_RUN, *_RUN, *_PER_POINT) for cloud in _CLOUDS))
def _locate(
    points: Float32Array | Float64Array,
    lens: Float64Array,
    m: Float64Array,
    min_range_m: float,
    width: int,
    height: int,
    first: int,
    end: int,
    pixels: NDArray[np.int32],
    ranges: Float32Array,
) -> None:
    """Write each point's pixel, -1 where it is not drawn, and its range."""
    for i in range(first, end):
        pixels[i] = -1
        # Widened at once: float32 arithmetic would move points across pixel borders.
        x, y, z = np.float64(points[i, 0]), np.float64(points[i, 1]), np.float64(points[i, 2])
        inside, u, v, _ = locate_point(lens, m, x, y, z, width, height)
        if not inside:
            continue
        range_m = math.sqrt(x * x + y * y + z * z)
        if range_m > 0.0 and min_range_m <= range_m < np.inf:
            pixels[i] = math.floor(v + 0.5) * width + math.floor(u + 0.5)
            ranges[i] = np.float32(range_m)


@kernel((*_PER_POINT, "int64", _NEAREST))
def _find_nearest(
    pixels: NDArray[np.int32], ranges: Float32Array, point_size: int, nearest: NDArray[np.int32]
) -> None:
    """Write to each pixel, -1 before, the index of the point of the smallest range."""
    height, width = nearest.shape
    before = (point_size - 1) // 2
    for i in range(len(pixels)):
        pixel = pixels[i]
        if pixel < 0:
            continue
        row, column = pixel // width - before, pixel % width - before
        for r in range(max(row, 0), min(row + point_size, height)):
            for c in range(max(column, 0), min(column + point_size, width)):
                other = nearest[r, c]
                if other < 0 or ranges[i] < ranges[other]:
                    nearest[r, c] = i


@kernel(
    *(
        (
            cloud, constants_in("float32", 1), _NEAREST, *STATISTICS, *_RUN,
            array_out("float32", 3), array_out("boolean", 2),
        )
        for cloud in _CLOUDS
    )
)  # fmt: skip
def _fill(
    points: Float32Array | Float64Array,
    ranges: Float32Array,
    nearest: NDArray[np.int32],
    mean: Float32Array,
    scale: Float32Array,
    first_row: int,
    end_row: int,
    channels: Float32Array,
    valid: BoolArray,
) -> None:
    """Write the rows' nearest points, erase their old ones, and set ``nearest`` back to -1."""
    has_intensity = points.shape[1] > 3
    zero = np.float32(0.0)
    for r in range(first_row, end_row):
        for c in range(nearest.shape[1]):
            i = nearest[r, c]
            if i >= 0:
                intensity = np.float32(points[i, 3]) if has_intensity else zero
                intensity = intensity if math.isfinite(intensity) else zero
                channels[0, r, c] = (ranges[i] - mean[0]) * scale[0]
                channels[1, r, c] = (intensity - mean[1]) * scale[1]
                channels[2, r, c] = (np.float32(points[i, 2]) - mean[2]) * scale[2]
                valid[r, c] = True
                nearest[r, c] = -1
            elif valid[r, c]:
                valid[r, c] = False
                channels[0, r, c] = zero
                channels[1, r, c] = zero
                channels[2, r, c] = zero
