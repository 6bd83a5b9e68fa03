"""A rendered drive as ready messages, so that sending one costs next to nothing."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from rclpy.serialization import serialize_message

from anyseg_core.geometry import Camera
from anyseg_core.simulation import RigConfig, SimulatedRig
from anyseg_core.types import NS_PER_S
from anyseg_ros.conversions.camera_info import camera_info_message
from anyseg_ros.conversions.records import record_message

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyseg_core.types import Record

PERIOD_NS = 100_000_000
SWEEP_LEAD_NS = 20_000_000
"""A sweep is over so long before the images are taken: no rig triggers all sensors together."""
PACKET_NS = 10_000_000
PACKETS = 3
"""Packets of events before an instant: nearly a whole period at 30 Hz, the fastest."""
NEXT_PACKET_NS = 2_000_000
"""Length of the packet after the instant. It is sent with the image: an event camera's own packet
rate, which a set must wait for, is no matter of the node's."""

_STAMP = struct.Struct("<iI")
_STAMP_AT = 4
"""CDR: four bytes tell its version and byte order, then a message's header begins by its stamp."""


@dataclass(frozen=True, slots=True)
class ReadyMessage:
    """One message, serialised.

    Attributes:
        sensor: whose it is; ``camera_info`` goes with RGB.
        sent_ns: when it is sent, less the instant.
        stamp_ns: its stamp, less the instant.
        data: its bytes, stamped with whatever time.
    """

    sensor: str
    sent_ns: int
    stamp_ns: int
    data: bytes

    def at(self, instant_ns: int) -> bytes:
        """Return the message of this instant."""
        stamp = _STAMP.pack(*divmod(instant_ns + self.stamp_ns, NS_PER_S))
        end = _STAMP_AT + _STAMP.size
        return b"".join((self.data[:_STAMP_AT], stamp, memoryview(self.data)[end:]))


@dataclass(frozen=True, slots=True)
class MessageClip:
    """Instants of a drive, each with the messages of all four sensors in the order of sending.

    Attributes:
        instants: the messages.
        calibration: the rig's, as a calibration file holds it.
        sha256: of the pixels, points and events of all of them.
    """

    instants: tuple[tuple[ReadyMessage, ...], ...]
    calibration: dict[str, Any]
    sha256: str


def render_clip(side: int, count: int) -> MessageClip:
    """Render a drive.

    Args:
        side: columns and rows of the cameras.
        count: instants, a tenth of a second apart.
    """
    rig = SimulatedRig(RigConfig(width=side, height=side))
    camera = Camera(side, side, rig.camera_matrix)
    digest = hashlib.sha256()
    instants = tuple(
        _instant(rig, camera, number * PERIOD_NS, digest.update) for number in range(1, count + 1)
    )
    return MessageClip(instants, _calibration(rig), digest.hexdigest())


def _instant(
    rig: SimulatedRig, camera: Camera, t_ns: int, note: Callable[[bytes], object]
) -> tuple[ReadyMessage, ...]:
    def ready(sensor: str, record: Record, sent_ns: int) -> ReadyMessage:
        message = record_message(record)
        note(message.data)  # not the serialised bytes: what fills their gaps is left to chance
        return ReadyMessage(
            sensor, sent_ns - t_ns, record.stamp_ns - t_ns, serialize_message(message)
        )

    image, sweep_ns = rig.rgb(t_ns), t_ns - SWEEP_LEAD_NS
    info = camera_info_message(camera, t_ns, image.frame_id)
    packets = [
        ready("event", rig.events(end_ns - PACKET_NS, end_ns), end_ns)
        for end_ns in range(t_ns - (PACKETS - 1) * PACKET_NS, t_ns + 1, PACKET_NS)
    ]
    messages = (
        ready("lidar", rig.lidar(sweep_ns), sweep_ns),
        *packets,
        ready("depth", rig.depth(t_ns), t_ns),
        ReadyMessage("camera_info", 0, 0, serialize_message(info)),
        ready("rgb", image, t_ns),
        ready("event", rig.events(t_ns, t_ns + NEXT_PACKET_NS), t_ns),
    )
    return tuple(sorted(messages, key=attrgetter("sent_ns")))


def _calibration(rig: SimulatedRig) -> dict[str, Any]:
    known = rig.calibration
    camera = {
        "frame": known["camera_frame"],
        "width": known["width"],
        "height": known["height"],
        "matrix": known["camera_matrix"],
    }
    lidar = {
        "target": known["camera_frame"],
        "source": known["lidar_frame"],
        "matrix": known["camera_from_lidar"],
    }
    return {"anyseg_calibration": 1, "cameras": {"rgb": camera}, "transforms": [lidar]}
