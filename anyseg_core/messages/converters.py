"""Which converter makes a sensor's records from a type of message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from anyseg_core.errors import RecordError
from anyseg_core.messages.event_packets import EventPacketConverter
from anyseg_core.messages.events import event_array_record, event_record
from anyseg_core.messages.images import depth_record, event_frame_record, rgb_record
from anyseg_core.messages.lidar import lidar_record
from anyseg_core.types import Record

RecordConverter = Callable[[Any], Record]
"""Takes one message and returns its record; raises an AnysegError where it cannot be used."""

EventSize = Callable[[], tuple[int, int] | None]
"""Returns columns and rows of the event camera, asked at each message; None while unknown."""

ConverterFactory = Callable[[EventSize], RecordConverter]
"""Makes a converter for one topic. What it keeps from message to message is that topic's alone."""


def _stateless(convert: RecordConverter) -> ConverterFactory:
    return lambda _: convert


def _event_points(event_size: EventSize) -> RecordConverter:
    def convert(message: Any) -> Record:  # noqa: ANN401 - messages carry no type information
        size = event_size()
        if size is None:
            raise RecordError(
                "events as points before anything told the sensor's size",
                "the event camera's width and height, or one RGB image",
                "set event.width and event.height to the event camera's size",
            )
        return event_record(message, *size)

    return convert


record_converters: Mapping[tuple[str, str], ConverterFactory] = {
    ("sensor_msgs/msg/Image", "rgb"): _stateless(rgb_record),
    ("sensor_msgs/msg/CompressedImage", "rgb"): _stateless(rgb_record),
    ("sensor_msgs/msg/Image", "depth"): _stateless(depth_record),
    ("sensor_msgs/msg/CompressedImage", "depth"): _stateless(depth_record),
    ("sensor_msgs/msg/Image", "event"): _stateless(event_frame_record),
    ("sensor_msgs/msg/CompressedImage", "event"): _stateless(event_frame_record),
    ("sensor_msgs/msg/PointCloud2", "event"): _event_points,
    ("event_camera_msgs/msg/EventPacket", "event"): lambda _: EventPacketConverter().record,
    ("dvs_msgs/msg/EventArray", "event"): _stateless(event_array_record),
    ("prophesee_event_msgs/msg/EventArray", "event"): _stateless(event_array_record),
    ("sensor_msgs/msg/PointCloud2", "lidar"): _stateless(lidar_record),
}
"""By message type and sensor, the factory of converters: every form in which a sensor may come."""
