"""The way back from the image: a class for every LiDAR point."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.geometry.lens import locate_point
from anyseg_core.geometry.transforms import check_transform
from anyseg_core.kernels import array_in, array_out, constants_in, kernel
from anyseg_core.projection.lidar import as_points
from anyseg_core.types import IGNORE_LABEL, Float32Array, Float64Array, UInt8Array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from anyseg_core.geometry.camera import Camera


def label_points(
    points: ArrayLike,
    camera: Camera,
    camera_from_lidar: ArrayLike,
    mask: UInt8Array,
    *,
    depth_tolerance: float = 0.1,
) -> UInt8Array:
    """Return uint8 [N]: the mask's class at each point that the camera sees, else 255.

    LiDAR and camera stand apart, so the LiDAR also hits surfaces that something nearer hides from
    the camera; they must not take the nearer thing's class. Each point claims the 3 x 3 pixels
    round its own with its depth; a point keeps its class if it is no more than
    ``depth_tolerance`` (a part of the nearest depth, 0.1 is 10 %) behind the nearest claim on its
    pixel. A tolerance relative to depth lets a floor seen at a grazing angle keep its class.

    Args:
        points: [N, 3 or more] as `project_lidar` takes them.
        camera: the camera of the mask's size.
        camera_from_lidar: rigid transform [4, 4].
        mask: uint8 [H, W], any strides: class ids, 255 unlabelled.
        depth_tolerance: part of the nearest depth, 0 or more.

    Raises:
        RecordError: the points or the mask have another shape or type.
        CalibrationError: the transform is not rigid.
        ConfigurationError: the tolerance is negative or not finite.
    """
    cloud = as_points(points)
    transform = check_transform(camera_from_lidar, "camera_from_lidar")
    if mask.shape != (camera.height, camera.width) or mask.dtype != np.uint8:
        raise RecordError(
            f"a mask of {mask.dtype} {mask.shape}",
            f"uint8 ({camera.height}, {camera.width}), the camera's size",
            "scale the camera to the mask with Camera.scaled",
        )
    if not 0.0 <= depth_tolerance < math.inf:
        raise ConfigurationError(
            f"depth_tolerance {depth_tolerance}",
            "a finite part of the depth, 0 or more",
            "raise it",
        )
    nearest = np.full(mask.shape, np.inf, np.float32)
    labels = np.full(len(cloud), IGNORE_LABEL, np.uint8)
    _claim(cloud, camera.lens, transform, nearest)
    _label(cloud, camera.lens, transform, nearest, mask, 1.0 + depth_tolerance, labels)
    return labels


_CLOUDS = (array_in("float32", 2), array_in("float64", 2))
_POSE = (constants_in("float64", 1), constants_in("float64", 2))


@kernel(*((cloud, *_POSE, array_out("float32", 2)) for cloud in _CLOUDS))
def _claim(
    points: Float32Array | Float64Array,
    lens: Float64Array,
    m: Float64Array,
    nearest: Float32Array,
) -> None:
    height, width = nearest.shape
    for i in range(len(points)):
        x, y, z = np.float64(points[i, 0]), np.float64(points[i, 1]), np.float64(points[i, 2])
        inside, u, v, depth = locate_point(lens, m, x, y, z, width, height)
        if not inside or (x == 0.0 and y == 0.0 and z == 0.0):
            continue
        row, column = math.floor(v + 0.5), math.floor(u + 0.5)
        for r in range(max(row - 1, 0), min(row + 2, height)):
            for c in range(max(column - 1, 0), min(column + 2, width)):
                nearest[r, c] = min(nearest[r, c], np.float32(depth))


@kernel(
    *(
        (
            cloud, *_POSE, constants_in("float32", 2), array_in("uint8", 2), "float64",
            array_out("uint8", 1),
        )
        for cloud in _CLOUDS
    )
)  # fmt: skip
def _label(
    points: Float32Array | Float64Array,
    lens: Float64Array,
    m: Float64Array,
    nearest: Float32Array,
    mask: UInt8Array,
    reach: float,
    labels: UInt8Array,
) -> None:
    height, width = mask.shape
    for i in range(len(points)):
        x, y, z = np.float64(points[i, 0]), np.float64(points[i, 1]), np.float64(points[i, 2])
        inside, u, v, depth = locate_point(lens, m, x, y, z, width, height)
        if not inside or (x == 0.0 and y == 0.0 and z == 0.0):
            continue
        row, column = math.floor(v + 0.5), math.floor(u + 0.5)
        if np.float32(depth) <= nearest[row, column] * reach:
            labels[i] = mask[row, column]
