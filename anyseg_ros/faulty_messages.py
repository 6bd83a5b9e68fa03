"""Messages to records and back for the fault injector, in the form in which the driver sent them.

An event packet keeps its own bytes wherever a fault allows it: packets are lost, held back and cut
short as packets. Only a fault of what the camera sees makes new ones, of encoding ``mono``.
"""

from __future__ import annotations

import array
import copy
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage

from anyseg_core.errors import ConfigurationError
from anyseg_core.types import EventRecord, Record, RgbRecord
from anyseg_ros.conversions.records import record_message
from anyseg_ros.conversions.stamps import header_of

if TYPE_CHECKING:
    from collections.abc import Collection

OF_THE_PACKET = frozenset(
    {"dropout", "freeze", "delay", "rate_drop", "stamp_jump", "packet_loss", "truncated_payload"}
)
"""Faults that befall a packet without a look at the events in it."""

MOST_CUT = 0.97
"""The share of a payload that ``truncated_payload`` takes at severity 1."""


@dataclass(frozen=True, slots=True)
class PacketRecord(EventRecord):
    """A packet's events, together with the packet."""

    message: Any


def packet_record(message: Any, record: EventRecord) -> PacketRecord:
    """Return the record of a packet with the packet itself."""
    values = {one.name: getattr(record, one.name) for one in fields(EventRecord)}
    return PacketRecord(**values, message=message)


def faulty_message(record: Record, message: Any, faults: Collection[tuple[str, float]]) -> Any:
    """Return a changed record as a message of the type that the driver sends.

    Args:
        record: what the injector gave.
        message: the message that came in now, whose type and format are kept.
        faults: kind and severity of the faults in force, for event packets.

    Raises:
        ConfigurationError: the image cannot be compressed.
    """
    if isinstance(record, PacketRecord):
        return _packet(record, faults)
    if isinstance(record, RgbRecord) and isinstance(message, CompressedImage):
        return compressed_message(record, message.format)
    return record_message(record)


def compressed_message(record: RgbRecord, image_format: str) -> CompressedImage:
    """Return an image as JPEG where ``image_format`` says so, else as PNG.

    Raises:
        ConfigurationError: OpenCV cannot compress it.
    """
    extension = ".jpg" if "jp" in image_format.lower() else ".png"
    done, data = cv2.imencode(extension, record.image[..., ::-1])
    if not done:
        raise ConfigurationError(
            f"an image of shape {record.image.shape}", "one that OpenCV compresses", "send it raw"
        )
    return CompressedImage(
        header=header_of(record.stamp_ns, record.frame_id),
        format=image_format,
        data=array.array("B", data.tobytes()),
    )


def _packet(record: PacketRecord, faults: Collection[tuple[str, float]]) -> Any:
    message = copy.copy(record.message)
    message.header = header_of(record.stamp_ns, record.frame_id)
    if all(kind in OF_THE_PACKET for kind, _ in faults):
        for kind, severity in faults:
            if kind == "truncated_payload":
                keep = round(len(message.events) * (1.0 - MOST_CUT * severity))
                message.events = array.array("B", bytes(message.events[:keep]))
        return message
    message.encoding = "mono"
    message.time_base = int(record.events.t_ns.min()) if len(record.events) else record.stamp_ns
    message.events = array.array("B", encode_mono(record, message.time_base))
    return message


def encode_mono(record: EventRecord, time_base_ns: int) -> bytes:
    """Return events as event_camera_msgs' ``mono``: nanoseconds, column, row, polarity in 64 bits.

    Bits 0-31 hold the time after ``time_base_ns``, 32-47 x, 48-62 y, 63 the polarity.
    """
    events = record.events
    words = (events.t_ns - time_base_ns).astype(np.uint64)
    words |= events.x.astype(np.uint64) << np.uint64(32)
    words |= events.y.astype(np.uint64) << np.uint64(48)
    words |= events.p.astype(np.uint64) << np.uint64(63)
    return words.astype("<u8").tobytes()
