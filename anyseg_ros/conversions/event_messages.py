"""The message classes that events may come in; most of their packages are on few machines."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from sensor_msgs.msg import CompressedImage, Image, PointCloud2

from anyseg_core.errors import MissingDependencyError

EVENT_MESSAGES: dict[str, str] = {
    "point_cloud": "sensor_msgs/msg/PointCloud2",
    "event_packet": "event_camera_msgs/msg/EventPacket",
    "dvs_event_array": "dvs_msgs/msg/EventArray",
    "prophesee_event_array": "prophesee_event_msgs/msg/EventArray",
    "image": "sensor_msgs/msg/Image",
    "compressed_image": "sensor_msgs/msg/CompressedImage",
}
"""By value of the parameter ``event.type``, the type of the messages on ``events``."""

_ALWAYS_THERE = {
    "point_cloud": PointCloud2, "image": Image, "compressed_image": CompressedImage
}  # fmt: skip


def event_message_class(event_type: str) -> Any:
    """Return the message class of a value of ``event.type``.

    Raises:
        MissingDependencyError: its package is not installed.
    """
    if event_type in _ALWAYS_THERE:
        return _ALWAYS_THERE[event_type]
    package, _, name = EVENT_MESSAGES[event_type].split("/")
    try:
        return getattr(import_module(f"{package}.msg"), name)
    except ImportError as error:
        raise MissingDependencyError(
            f"no {package} package",
            f"{package} for event.type:={event_type}",
            f"install ros-<distribution>-{package.replace('_', '-')} or build it in your "
            "workspace, or set event.type to point_cloud or image",
        ) from error
