"""Takes down what the node publishes: every mask as a hash, with what its status says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from anyseg_core.messages.stamps import stamp_to_ns, time_to_ns
from anyseg_core.replay.timeline import labels_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from diagnostic_msgs.msg import DiagnosticStatus
    from rclpy.node import Node

_DEPTH = 200


@dataclass(frozen=True, slots=True)
class LiveFrame:
    """One mask of the running node.

    Attributes:
        stamp_ns: the reference reading's stamp.
        reference: the sensor whose stamp that is.
        used: the sensors that the network saw.
        reasons: by sensor, why it was not used; empty where it was.
        skews_ms: by sensor, its stamp minus the reference's; None without a reading.
        labels_sha256: hash of the mask's pixels.
        dropped: frames overtaken by newer ones until this mask was out.
        arrived_ns: when the mask came, in the bag's time.
    """

    stamp_ns: int
    reference: str
    used: tuple[str, ...]
    reasons: Mapping[str, str]
    skews_ms: Mapping[str, float | None]
    labels_sha256: str
    dropped: int
    arrived_ns: int


class Recorder:
    """Listens to the perception node.

    Args:
        node: listens.
        target: full name of the perception node.
        now_ns: the bag's time.

    Attributes:
        node_time_ns: the time by the node's own clock, as its diagnostics are stamped.
        dropped: how many frames were overtaken, by the latest diagnostics.
        rejected: by input, why the latest message of it was left out.
        received: how many messages came.
    """

    def __init__(self, node: Node, target: str, now_ns: Callable[[], int]) -> None:
        self._now_ns, self._target = now_ns, target
        self._masks: dict[int, tuple[str, int]] = {}
        self._statuses: dict[int, DiagnosticArray] = {}
        self.node_time_ns = 0
        self.dropped = 0
        self.received = 0
        self.rejected: dict[str, str] = {}
        qos = QoSProfile(depth=_DEPTH)
        self._subscriptions = [
            node.create_subscription(Image, f"{target}/segmentation", self._take_mask, qos),
            node.create_subscription(DiagnosticArray, f"{target}/status", self._take_status, qos),
            node.create_subscription(DiagnosticArray, "/diagnostics", self._take_diagnostics, qos),
        ]

    def frames(self) -> list[LiveFrame]:
        """Return the masks with their status, by their stamps."""
        return [
            _frame(self._statuses[stamp_ns], stamp_ns, *self._masks[stamp_ns])
            for stamp_ns in sorted(self._masks.keys() & self._statuses.keys())
        ]

    def _take_mask(self, message: Image) -> None:
        arrived_ns = self._now_ns()
        labels = np.frombuffer(message.data, np.uint8)
        self._masks[stamp_to_ns(message.header.stamp)] = (labels_hash(labels), arrived_ns)
        self.received += 1

    def _take_status(self, message: DiagnosticArray) -> None:
        self._statuses[stamp_to_ns(message.header.stamp)] = message
        self.received += 1

    def _take_diagnostics(self, message: DiagnosticArray) -> None:
        own = {
            status.name.removeprefix(f"{self._target.strip('/')}: "): _values(status)
            for status in message.status
        }
        if "segmentation" not in own:
            return
        self.node_time_ns = time_to_ns(message.header.stamp)
        self.dropped = int(own["segmentation"]["dropped"])
        for name, values in own.items():
            if "rejected" in values:
                self.rejected[name] = values["got"]


def _frame(status: DiagnosticArray, stamp_ns: int, mask: str, arrived_ns: int) -> LiveFrame:
    frame, *sensors = status.status
    values = _values(frame)
    by_sensor = {one.name.rsplit(": ", 1)[-1]: _values(one) for one in sensors}
    return LiveFrame(
        stamp_ns=stamp_ns,
        reference=values["reference"],
        used=tuple(name for name in values["used"].split(",") if name),
        reasons={name: own["reason"] for name, own in by_sensor.items()},
        skews_ms={
            name: float(own["skew_ms"]) if own["skew_ms"] else None
            for name, own in by_sensor.items()
        },
        labels_sha256=mask,
        dropped=int(values["dropped"]),
        arrived_ns=arrived_ns,
    )


def _values(status: DiagnosticStatus) -> dict[str, Any]:
    return {entry.key: entry.value for entry in status.values}
