"""De-skewing sweeps while a robot drives: whose motion, when, and as seen from the LiDAR."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.errors import RecordError
from anyseg_core.geometry import invert_transform
from anyseg_core.parallel import Scratch
from anyseg_core.projection.deskew import deskew_points
from anyseg_core.types import NS_PER_S

if TYPE_CHECKING:
    from anyseg_core.types import Float32Array, Float64Array, LidarRecord, Motion

LONGEST_AGE_NS = 500_000_000
"""A motion measured longer before or after the instant says nothing about the sweep."""

_SCRATCH = Scratch()


def twist_at(motion: Motion, body_from_sensor: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return velocity and turn rate [3] of a sensor on the moving body, in the sensor's frame.

    Lynch and Park, Modern Robotics (2017), eq. 3.84: the adjoint of the fixed pose.
    """
    rotation, place = body_from_sensor[:3, :3], body_from_sensor[:3, 3]
    linear = motion.linear_mps + np.cross(motion.angular_radps, place)
    return rotation.T @ linear, rotation.T @ motion.angular_radps


def deskewed_points(
    sweep: LidarRecord,
    instant_ns: int,
    motion: Motion | None,
    camera_from_body: Float64Array,
    camera_from_lidar: Float64Array,
) -> Float32Array:
    """Return a sweep's points [N, 4] as they would have been had all been measured at one instant.

    The memory belongs to this thread and is written again by its next call.

    Args:
        sweep: with the time of each point.
        instant_ns: the instant, on the clock of the points' times.
        motion: the robot's, measured near the instant.
        camera_from_body: rigid transform [4, 4] from the motion's frame.
        camera_from_lidar: rigid transform [4, 4].

    Raises:
        RecordError: the sweep has no times, or there is no motion of about that instant.
    """
    if sweep.point_t_ns is None or len(sweep.point_t_ns) != len(sweep.points):
        raise RecordError(
            "a sweep without the time of each point",
            "a field t, time, timestamp or time_stamp in the cloud",
            "let the LiDAR's driver send it, or set lidar.deskew to false",
        )
    current = require_motion(motion, instant_ns)
    count = len(sweep.points)
    offsets_ns = _SCRATCH.array("offsets_ns", count, np.int64)
    offsets_s = _SCRATCH.array("offsets_s", count, np.float64)
    np.subtract(sweep.point_t_ns, instant_ns, out=offsets_ns)
    np.copyto(offsets_s, offsets_ns)
    offsets_s /= NS_PER_S
    out = _SCRATCH.array("points", sweep.points.size, np.float32).reshape(sweep.points.shape)
    body_from_lidar = invert_transform(camera_from_body) @ camera_from_lidar
    linear, angular = twist_at(current, body_from_lidar)
    deskew_points(sweep.points, offsets_s, linear, angular, out=out)
    return out


def require_motion(motion: Motion | None, instant_ns: int) -> Motion:
    """Return the motion where it was measured near the instant.

    Raises:
        RecordError: it was not, or there is none.
    """
    if motion is None or abs(motion.stamp_ns - instant_ns) > LONGEST_AGE_NS:
        age = (
            "no odometry"
            if motion is None
            else (f"odometry {(instant_ns - motion.stamp_ns) / NS_PER_S:.2f} s from the sweep")
        )
        raise RecordError(
            age,
            f"the robot's motion within {LONGEST_AGE_NS / NS_PER_S:g} s of the sweep",
            "publish nav_msgs/Odometry on odom, or set lidar.deskew to false",
        )
    return motion
