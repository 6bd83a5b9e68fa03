"""event_camera_msgs/EventPacket to events on the host's clock."""

from __future__ import annotations

from typing import Any

import numpy as np

from anyseg_core.errors import RecordError
from anyseg_core.events import Decoder, open_decoder
from anyseg_core.events.clock import SensorClock
from anyseg_core.messages.stamps import stamp_to_ns
from anyseg_core.types import EventArray, EventRecord

_ON_HOST_CLOCK = frozenset({"mono", "libcaer", "libcaer_cmp"})
"""Encodings whose time_base is the host's time; evt3 knows the sensor's own time only."""


class EventPacketConverter:
    """Decodes the packets of one event camera; keeps the decoder's state, so skip none."""

    def __init__(self) -> None:
        self._decoder: Decoder | None = None
        self._format: tuple[str, int, int] | None = None
        self._clock = SensorClock()

    def record(self, message: Any) -> EventRecord:  # noqa: ANN401 - messages carry no type information
        """Return a packet's events, stamped on the host's clock.

        Raises:
            ConfigurationError: an encoding that cannot be decoded.
            RecordError: a stamp of zero, or a payload that is no such encoding.
        """
        stamp_ns = stamp_to_ns(message.header.stamp)
        if message.is_bigendian:
            raise RecordError(
                "an event packet of big-endian words",
                "little-endian words, as event_camera_msgs' encodings are defined",
                "publish the packets from a little-endian machine",
            )
        events = self._open(message).decode(
            np.frombuffer(message.events, np.uint8),
            time_base_ns=int(message.time_base),
            seq=int(message.seq),
        )
        if message.encoding not in _ON_HOST_CLOCK and len(events):
            t_ns = self._clock.to_host(events.t_ns, stamp_ns)
            events = EventArray(events.x, events.y, t_ns, events.p)
        return EventRecord(
            stamp_ns, message.header.frame_id, events, int(message.width), int(message.height)
        )

    def _open(self, message: Any) -> Decoder:  # noqa: ANN401 - as above
        packet_format = (str(message.encoding), int(message.width), int(message.height))
        if self._decoder is None or packet_format != self._format:
            self._decoder = open_decoder(*packet_format)
            self._format = packet_format
            self._clock = SensorClock()
        return self._decoder
