"""Where each sensor stands as seen from the camera: the calibration file, else TF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rclpy.time import Time

from anyseg_core.errors import CalibrationError
from anyseg_core.geometry import transform_from_quaternion

if TYPE_CHECKING:
    from rclpy.node import Node

    from anyseg_core.types import Float64Array

try:
    import tf2_ros
except ImportError:
    tf2_ros = None


class TfExtrinsics:
    """Extrinsics from TF; see ``anyseg_core.projection.ExtrinsicsSource``.

    Args:
        node: the node that listens to /tf and /tf_static.
    """

    def __init__(self, node: Node) -> None:
        self._buffer: Any = None
        if tf2_ros is not None:
            self._buffer = tf2_ros.Buffer()
            self._listener = tf2_ros.TransformListener(self._buffer, node)

    def camera_from_sensor(self, sensor: str, camera_frame: str, sensor_frame: str) -> Float64Array:
        """Return camera_from_sensor, float64 [4, 4], in metres.

        Raises:
            CalibrationError: TF does not know the way, or tf2_ros is not installed.
        """
        wanted = f"the transform {camera_frame!r} from {sensor_frame!r} ({sensor})"
        if self._buffer is None:
            raise CalibrationError(
                "no calibration file and no tf2_ros package",
                wanted,
                "set calibration_file, or install tf2_ros and publish the transform",
            )
        try:
            found = self._buffer.lookup_transform(camera_frame, sensor_frame, Time()).transform
        except tf2_ros.TransformException as error:
            raise CalibrationError(
                f"no such transform in TF ({error})",
                wanted,
                "publish it (static_transform_publisher or robot_state_publisher), or set "
                "calibration_file",
            ) from error
        rotation, translation = found.rotation, found.translation
        return transform_from_quaternion(
            (translation.x, translation.y, translation.z),
            (rotation.x, rotation.y, rotation.z, rotation.w),
            wanted,
        )
