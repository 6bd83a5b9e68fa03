"""nav_msgs/Odometry to the motion by which sweeps are de-skewed."""

from __future__ import annotations

from typing import Any

import numpy as np

from anyseg_core.errors import RecordError
from anyseg_core.messages.stamps import stamp_to_ns
from anyseg_core.types import Float64Array, Motion


def motion_from_odometry(message: Any) -> Motion:  # noqa: ANN401 - messages carry no type information
    """Return the twist of an Odometry message, which is in its ``child_frame_id``.

    Raises:
        RecordError: the twist is not finite, its frame has no name, or the stamp is zero.
    """
    twist = message.twist.twist
    linear, angular = _vector(twist.linear), _vector(twist.angular)
    if not (np.isfinite(linear).all() and np.isfinite(angular).all() and message.child_frame_id):
        raise RecordError(
            f"odometry of frame {message.child_frame_id!r} with the twist {linear.tolist()}, "
            f"{angular.tolist()}",
            "finite numbers and the name of the frame that they are in",
            "correct the odometry's twist and child_frame_id",
        )
    return Motion(stamp_to_ns(message.header.stamp), message.child_frame_id, linear, angular)


def _vector(vector: Any) -> Float64Array:  # noqa: ANN401 - as above
    return np.array((vector.x, vector.y, vector.z), np.float64)
