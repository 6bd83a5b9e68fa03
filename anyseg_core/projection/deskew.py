"""LiDAR points moved to where they would be had the whole sweep been taken at one instant."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.kernels import array_in, array_out, constants_in, kernel
from anyseg_core.projection.lidar import as_points

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from anyseg_core.types import Float32Array, Float64Array


def deskew_points(
    points: ArrayLike,
    offsets_s: ArrayLike,
    linear_mps: ArrayLike,
    angular_radps: ArrayLike,
    *,
    out: Float32Array | Float64Array | None = None,
) -> Float32Array | Float64Array:
    """Return the points in the LiDAR's frame at the reference instant, other columns unchanged.

    The LiDAR is taken to move with a constant twist, so its pose at offset t is the exponential
    of t times the twist (Lynch and Park, Modern Robotics, 2017, eq. 3.88). Points whose offset is
    not finite become NaN; NaN and Inf points stay so.

    Args:
        points: [N, 3 or more] as `project_lidar` takes them.
        offsets_s: [N], time of each point less the reference instant, in seconds.
        linear_mps: velocity [3] of the LiDAR in its own frame, in metres per second.
        angular_radps: turn rate [3] of the LiDAR in its own frame, in radians per second.
        out: writable and C-ordered, of the points' shape and type, to write into and return.

    Raises:
        RecordError: the shapes do not fit, or the twist is not finite.
        ConfigurationError: ``out`` does not fit the points.
    """
    cloud = as_points(points)
    offsets = np.asarray(offsets_s, np.float64)
    linear = np.ascontiguousarray(linear_mps, np.float64)
    angular = np.ascontiguousarray(angular_radps, np.float64)
    if offsets.shape != (len(cloud),) or linear.shape != (3,) or angular.shape != (3,):
        raise RecordError(
            f"{len(cloud)} points, offsets {offsets.shape}, twist {linear.shape} {angular.shape}",
            "one offset for each point, and a twist of 3 and 3 numbers",
            "pass the offsets of this very cloud",
        )
    if not (np.isfinite(linear).all() and np.isfinite(angular).all()):
        raise RecordError(
            f"a twist of {linear.tolist()}, {angular.tolist()}", "finite numbers", "leave it out"
        )
    moved = np.empty(cloud.shape, cloud.dtype) if out is None else out
    if moved.shape != cloud.shape or moved.dtype != cloud.dtype or not moved.flags.carray:
        raise ConfigurationError(
            f"out of {moved.dtype} {moved.shape}",
            f"a writable C-ordered {cloud.dtype} {cloud.shape}",
            "pass a buffer of that size, or none",
        )
    np.copyto(moved, cloud)
    _move(cloud, offsets, linear, angular, moved)
    return moved


_TWIST = (array_in("float64", 1), constants_in("float64", 1), constants_in("float64", 1))


@kernel(*((array_in(f, 2), *_TWIST, array_out(f, 2)) for f in ("float32", "float64")))
def _move(
    points: Float32Array | Float64Array,
    offsets_s: Float64Array,
    linear: Float64Array,
    angular: Float64Array,
    moved: Float32Array | Float64Array,
) -> None:
    rate = math.sqrt(angular[0] ** 2 + angular[1] ** 2 + angular[2] ** 2)
    for i in range(len(points)):
        t = offsets_s[i]
        angle = rate * t
        # Rotation is I + a W + b W^2, the integral of velocity t I + c W + d W^2.
        if abs(angle) > 1e-4:
            a, b = math.sin(angle) / rate, (1.0 - math.cos(angle)) / rate**2
            d = (angle - math.sin(angle)) / rate**3
        else:
            a, b, d = t, 0.5 * t * t, t**3 / 6.0
        for k in range(3):
            n, m = (k + 1) % 3, (k + 2) % 3
            position = np.float64(points[i, k])
            # The k-th rows of W p and W (W p), for the point and for the velocity.
            p_n, p_m = np.float64(points[i, n]), np.float64(points[i, m])
            once = angular[n] * p_m - angular[m] * p_n
            along = angular[0] * points[i, 0] + angular[1] * points[i, 1]
            along += angular[2] * points[i, 2]
            twice = angular[k] * along - rate * rate * position
            push = angular[n] * linear[m] - angular[m] * linear[n]
            dot = angular[0] * linear[0] + angular[1] * linear[1] + angular[2] * linear[2]
            push_twice = angular[k] * dot - rate * rate * linear[k]
            moved[i, k] = (
                position + a * once + b * twice + t * linear[k] + b * push + d * push_twice
            )
