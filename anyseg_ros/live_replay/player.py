"""Plays a bag over DDS: its own bytes and stamps at the recorder's pace, and /clock with them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from builtin_interfaces.msg import Time
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from anyseg_core.replay.topics import CAMERA_INFO
from anyseg_core.types import MODALITIES, NS_PER_S
from anyseg_ros.conversions.event_messages import EVENT_MESSAGES, event_message_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rclpy.node import Node

    from anyseg_core.replay import Bag, TopicMap

CLOCK_STEP_NS = 10_000_000
LATE_NS = 5_000_000
"""A player that is later than this holds its clock back, rather than hurry the rest."""

NODE_TOPICS = {
    "rgb": "rgb/image",
    "depth": "depth/image",
    "event": "events",
    "lidar": "lidar/points",
    CAMERA_INFO: "rgb/camera_info",
}
"""By role, the perception node's own name of the topic."""

_CLASSES: dict[str, Any] = {
    "sensor_msgs/msg/CameraInfo": CameraInfo,
    "sensor_msgs/msg/CompressedImage": CompressedImage,
    "sensor_msgs/msg/Image": Image,
    "sensor_msgs/msg/PointCloud2": PointCloud2,
}


class BagPlayer:
    """Publishes the sensors of a bag under the names that the perception node listens to.

    Time is the bag's: it stands still until ``play``, runs ``rate`` times as fast as the recorder's
    then, and waits for a message that is late, so that it never runs ahead of what is sent.

    Args:
        node: publishes.
        bag: the recording, open.
        topics: which topics to play.
        rate: bag time to real time.

    Raises:
        MissingDependencyError: the package of the events' messages is not installed.
    """

    def __init__(self, node: Node, bag: Bag, topics: TopicMap, rate: float) -> None:
        self._bag, self._rate = bag, rate
        qos = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
        self._publishers: dict[str, Any] = {
            topics.roles[role]: node.create_publisher(
                message_class(topics.types[topics.roles[role]]), name, qos
            )
            for role, name in NODE_TOPICS.items()
            if role in topics.roles
        }
        self._clock = node.create_publisher(Clock, "/clock", qos)
        self._told_ns = 0
        self._origin_ns, self._begun_ns, self._playing = bag.start_ns, 0, False

    @property
    def now_ns(self) -> int:
        """The time in the bag."""
        if not self._playing:
            return self._origin_ns
        return self._origin_ns + round((time.monotonic_ns() - self._begun_ns) * self._rate)

    def connected(self) -> bool:
        """Return whether everything that is played is listened to."""
        return all(
            one.get_subscription_count() for one in (self._clock, *self._publishers.values())
        )

    def tell_time(self) -> None:
        """Publish the bag's time."""
        self._tell(self.now_ns)

    def play(self, spin: Callable[[float], None], linger_ns: int) -> int:
        """Play everything.

        Args:
            spin: receives for at most so many seconds.
            linger_ns: how long the time runs on after the last message.

        Returns:
            How many messages were sent.
        """
        self._set_time(self._bag.start_ns)
        self._playing = True
        sent = 0
        for log_ns, publisher, data in self._messages():
            self._wait_until(log_ns, spin)
            self._tell(log_ns)
            publisher.publish(data)
            sent += 1
        self._wait_until(self._bag.end_ns + linger_ns, spin)
        self._playing = False
        return sent

    def _messages(self) -> Iterator[tuple[int, Any, bytes]]:
        for message in self._bag.messages(set(self._publishers)):
            yield message.log_ns, self._publishers[message.topic], self._bag.as_sent(message)

    def _wait_until(self, t_ns: int, spin: Callable[[float], None]) -> None:
        while (left_ns := t_ns - self.now_ns) > 0:
            if self.now_ns - self._told_ns >= CLOCK_STEP_NS:
                self.tell_time()
            spin(min(left_ns, CLOCK_STEP_NS) / self._rate / NS_PER_S)
        if -left_ns > LATE_NS * self._rate:
            self._set_time(t_ns)

    def _set_time(self, t_ns: int) -> None:
        self._origin_ns, self._begun_ns = t_ns, time.monotonic_ns()

    def _tell(self, t_ns: int) -> None:
        self._told_ns = max(self._told_ns, t_ns)
        seconds, nanoseconds = divmod(self._told_ns, NS_PER_S)
        self._clock.publish(Clock(clock=Time(sec=seconds, nanosec=nanoseconds)))


def message_class(type_name: str) -> Any:
    """Return the message class of a type that a sensor of a bag can have.

    Raises:
        MissingDependencyError: its package is not installed.
    """
    if type_name in _CLASSES:
        return _CLASSES[type_name]
    event_type = next(key for key, value in EVENT_MESSAGES.items() if value == type_name)
    return event_message_class(event_type)


def played_sensors(topics: TopicMap) -> tuple[str, ...]:
    """Return the sensors that are played, in the papers' order."""
    return tuple(name for name in MODALITIES if name in topics.roles)
