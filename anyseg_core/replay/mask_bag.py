"""Masks as a rosbag2, on the topic and in the form in which the node publishes them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from anyseg_core.errors import ConfigurationError, MissingDependencyError
from anyseg_core.types import NS_PER_S

if TYPE_CHECKING:
    from pathlib import Path

    from anyseg_core.segmentation import Segmentation

TOPIC = "/anyseg/segmentation"
_TYPE = "sensor_msgs/msg/Image"


class MaskBag:
    """Writes each mask as an Image mono8; a context manager.

    Args:
        folder: of the bag; must not exist.

    Raises:
        ConfigurationError: the folder exists.
        MissingDependencyError: the package ``rosbags`` is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            rosbag2, typesys = import_module("rosbags.rosbag2"), import_module("rosbags.typesys")
        except ImportError as error:
            raise MissingDependencyError(
                "no package rosbags", "it, to write bags", "run: pip install 'anyseg_ros[bags]'"
            ) from error
        if folder.exists():
            raise ConfigurationError(
                f"{folder}, which exists", "a new folder for the bag", "move it, or choose another"
            )
        self._types = typesys.get_typestore(typesys.Stores.ROS2_JAZZY)
        self._writer: Any = rosbag2.Writer(
            folder, version=9, storage_plugin=rosbag2.StoragePlugin.MCAP
        )

    def __enter__(self) -> Self:
        self._writer.open()
        self._connection = self._writer.add_connection(TOPIC, _TYPE, typestore=self._types)
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def take(self, result: Segmentation) -> None:
        """Write one mask, stamped as the reference reading, at the time its set was complete."""
        types, labels = self._types.types, result.labels
        seconds, nanoseconds = divmod(result.stamp_ns, NS_PER_S)
        stamp = types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanoseconds)
        header = types["std_msgs/msg/Header"](stamp=stamp, frame_id=result.frame_id)
        message = types[_TYPE](
            header=header,
            height=labels.shape[0],
            width=labels.shape[1],
            encoding="mono8",
            is_bigendian=0,
            step=labels.shape[1],
            data=np.ascontiguousarray(labels).reshape(-1),
        )
        data = self._types.serialize_cdr(message, _TYPE)
        self._writer.write(self._connection, result.frame.gathered_ns, data)
