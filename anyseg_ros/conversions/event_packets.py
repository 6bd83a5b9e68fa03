"""event_camera_msgs/EventPacket to events on the ROS clock."""

from __future__ import annotations

from typing import Any

import numpy as np

from anyseg_core.errors import MissingDependencyError
from anyseg_core.events import Decoder, open_decoder
from anyseg_core.events.clock import SensorClock
from anyseg_core.types import EventArray, EventRecord
from anyseg_ros.conversions.stamps import stamp_to_ns

_ON_ROS_CLOCK = frozenset({"mono", "libcaer", "libcaer_cmp"})
"""Encodings whose time_base is already ROS time; evt3 knows the sensor's own time only."""


def event_packet_type() -> Any:
    """Return the EventPacket message class.

    Raises:
        MissingDependencyError: event_camera_msgs is not installed.
    """
    try:
        from event_camera_msgs.msg import EventPacket  # noqa: PLC0415 - present on few machines
    except ImportError as error:
        raise MissingDependencyError(
            "no event_camera_msgs package",
            "event_camera_msgs for event.type:=event_packet",
            "install ros-<distribution>-event-camera-msgs, or set event.type to point_cloud or "
            "image",
        ) from error
    return EventPacket


class EventPacketConverter:
    """Decodes the packets of one event camera; keeps the decoder's state, so skip none."""

    def __init__(self) -> None:
        self._decoder: Decoder | None = None
        self._format: tuple[str, int, int] | None = None
        self._clock = SensorClock()

    def record(self, message: Any) -> EventRecord:
        """Return a packet's events, stamped on the ROS clock.

        Raises:
            ConfigurationError: an encoding that cannot be decoded.
            RecordError: a stamp of zero, or a payload that is no such encoding.
        """
        stamp_ns = stamp_to_ns(message.header.stamp)
        events = self._open(message).decode(
            np.frombuffer(message.events, np.uint8),
            time_base_ns=int(message.time_base),
            seq=int(message.seq),
        )
        if message.encoding not in _ON_ROS_CLOCK and len(events):
            t_ns = self._clock.to_host(events.t_ns, stamp_ns)
            events = EventArray(events.x, events.y, t_ns, events.p)
        return EventRecord(
            stamp_ns, message.header.frame_id, events, int(message.width), int(message.height)
        )

    def _open(self, message: Any) -> Decoder:
        packet_format = (str(message.encoding), int(message.width), int(message.height))
        if self._decoder is None or packet_format != self._format:
            self._decoder = open_decoder(*packet_format)
            self._format = packet_format
            self._clock = SensorClock()
        return self._decoder
