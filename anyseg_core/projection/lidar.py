"""LiDAR points to range, intensity and height in the camera's image plane."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.geometry.kernel import array_in, array_out, constants_in, kernel
from anyseg_core.geometry.lens import project_point
from anyseg_core.geometry.transforms import check_transform
from anyseg_core.projection.buffers import check_output, clear_image

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from anyseg_core.geometry.camera import Camera
    from anyseg_core.types import BoolArray, Float32Array, Float64Array


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
        clear_image(out.channels, out.valid)
    _draw(
        cloud, camera.lens, transform, float(min_range_m), int(point_size), out.channels, out.valid
    )
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


def _signature(scalar: str) -> tuple[object, ...]:
    return (
        array_in(scalar, 2), constants_in("float64", 1), constants_in("float64", 2), "float64",
        "int64", array_out("float32", 3), array_out("boolean", 2),
    )  # fmt: skip


@kernel(_signature("float32"), _signature("float64"))
def _draw(
    points: Float32Array | Float64Array,
    lens: Float64Array,
    m: Float64Array,
    min_range_m: float,
    point_size: int,
    channels: Float32Array,
    valid: BoolArray,
) -> None:
    height, width = valid.shape
    has_intensity = points.shape[1] > 3
    before = (point_size - 1) // 2
    for i in range(len(points)):
        # Widened at once: float32 arithmetic would move points across pixel borders.
        x, y, z = np.float64(points[i, 0]), np.float64(points[i, 1]), np.float64(points[i, 2])
        seen, u, v = project_point(
            lens,
            m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3],
            m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3],
            m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3],
        )
        if not (seen and -0.5 <= u < width - 0.5 and -0.5 <= v < height - 0.5):
            continue
        exact = math.sqrt(x * x + y * y + z * z)
        if not (exact > 0.0 and min_range_m <= exact < np.inf):
            continue
        range_m = np.float32(exact)
        intensity = np.float32(points[i, 3]) if has_intensity else np.float32(0.0)
        if not math.isfinite(intensity):
            intensity = np.float32(0.0)
        column, row = math.floor(u + 0.5) - before, math.floor(v + 0.5) - before
        for r in range(max(row, 0), min(row + point_size, height)):
            for c in range(max(column, 0), min(column + point_size, width)):
                if not valid[r, c] or range_m < channels[0, r, c]:
                    valid[r, c] = True
                    channels[0, r, c] = range_m
                    channels[1, r, c] = intensity
                    channels[2, r, c] = np.float32(z)
