"""What a user of the node would see: its status, its pictures, and the sensors' own messages."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import String

from anyseg_core.messages import depth_record, event_record, lidar_record, rgb_record, stamp_to_ns
from anyseg_core.segmentation import subset_letters
from anyseg_core.types import (
    MODALITIES,
    NS_PER_MS,
    EventRecord,
    Float32Array,
    LidarRecord,
    UInt8Array,
)
from anyseg_ros.outputs import LATCHED

if TYPE_CHECKING:
    from collections.abc import Callable

REACH_NS = 100 * NS_PER_MS
KEPT = 40
"""Messages of each topic that are kept to find those of one instant."""


@dataclass(frozen=True, slots=True)
class SensorLine:
    """One sensor in the latest frame."""

    used: bool
    state: str
    reason: str
    age_ms: str


@dataclass(slots=True)
class Tally:
    """Figures over the whole demo."""

    frames: int = 0
    dropped: int = 0
    sets: Counter[str] = field(default_factory=Counter)
    latencies_ms: list[float] = field(default_factory=list)
    detection_delay_ms: dict[str, float] = field(default_factory=dict)
    recovery_delay_ms: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pictures:
    """What belongs to one instant and can be looked at; None where nothing came."""

    rgb: UInt8Array | None = None
    depth_m: Float32Array | None = None
    events: EventRecord | None = None
    lidar: LidarRecord | None = None
    overlay: UInt8Array | None = None


class DemoMonitor(Node):
    """Listens to the node and the rig, and keeps count.

    Args:
        image_size: columns and rows of the event camera, for events as points.
    """

    def __init__(self, image_size: tuple[int, int]) -> None:
        super().__init__("anyseg_demo")
        self.tally = Tally()
        self.sensors: dict[str, SensorLine] = {}
        self._image_size = image_size
        self._faults: dict[str, int] = {}
        self._ended: dict[str, int] = {}
        self._status = self.create_subscription(
            DiagnosticArray, "/anyseg/status", self._on_status, 50
        )
        self._rig_faults = self.create_subscription(
            String, "/simulated_rig/active_faults", self._on_faults, LATCHED
        )
        self._looking: list[Any] = []
        self._keeps_looking = False
        self._seen: defaultdict[str, list[tuple[int, Any]]] = defaultdict(list)

    @property
    def used(self) -> list[str]:
        """The sensors that the latest frame came from."""
        return [name for name, line in self.sensors.items() if line.used]

    @property
    def faults(self) -> set[str]:
        """The faults in force, each ``sensor:kind``."""
        return set(self._faults)

    def keep_looking(self) -> None:
        """Receive pictures from now on until the end."""
        self._keeps_looking = True
        self.look()

    def look(self) -> None:
        """Start to receive pictures; they cost the node and DDS time, so only when asked for."""
        self._seen.clear()
        if self._looking:
            return
        sources: tuple[tuple[str, type, str, Callable[[Any], Any]], ...] = (
            ("rgb", Image, "/rgb/image", lambda message: rgb_record(message).image),
            ("depth_m", Image, "/depth/image", _depth_m),
            ("events", PointCloud2, "/events", self._events),
            ("lidar", PointCloud2, "/lidar/points", lidar_record),
            ("overlay", Image, "/anyseg/overlay", lambda message: rgb_record(message).image),
        )
        for name, message_type, topic, convert in sources:
            self._looking.append(
                self.create_subscription(
                    message_type, topic, self._taker(name, convert), qos_profile_sensor_data
                )
            )

    def look_away(self) -> Pictures:
        """Stop receiving pictures and return those of the latest segmented instant."""
        if not self._keeps_looking:
            for subscription in self._looking:
                self.destroy_subscription(subscription)
            self._looking.clear()
        return self.pictures()

    def pictures(self) -> Pictures:
        """Return the pictures of the latest segmented instant."""
        overlays = self._seen["overlay"]
        instant_ns = overlays[-1][0] if overlays else self._now_ns()
        return Pictures(**{name: _nearest(seen, instant_ns) for name, seen in self._seen.items()})

    def _taker(self, name: str, convert: Callable[[Any], Any]) -> Callable[[Any], None]:
        def take(message: Any) -> None:
            self._seen[name].append((stamp_to_ns(message.header.stamp), convert(message)))
            del self._seen[name][:-KEPT]

        return take

    def _events(self, message: PointCloud2) -> EventRecord:
        return event_record(message, *self._image_size)

    def _on_status(self, message: DiagnosticArray) -> None:
        now_ns = self._now_ns()
        frame, *sensors = message.status
        values = _values(frame)
        used = [name for name in values["used"].split(",") if name]
        self.tally.frames += 1
        self.tally.dropped = int(values["dropped"])
        self.tally.sets[subset_letters(used)] += 1
        self.tally.latencies_ms.append(float(values["latency_ms"]))
        for status in sensors:
            name = status.name.rsplit(": ", 1)[-1]
            detail = _values(status)
            self.sensors[name] = SensorLine(
                name in used, detail["state"], detail["reason"], detail["age_ms"]
            )
        self._time_faults(used, now_ns)

    def _time_faults(self, used: list[str], now_ns: int) -> None:
        for fault, since_ns in self._faults.items():
            if fault.split(":")[0] not in used:
                delay_ms = (now_ns - since_ns) / NS_PER_MS
                self.tally.detection_delay_ms.setdefault(fault, delay_ms)
        for fault, since_ns in list(self._ended.items()):
            if fault.split(":")[0] in used:
                self.tally.recovery_delay_ms.setdefault(fault, (now_ns - since_ns) / NS_PER_MS)
                del self._ended[fault]

    def _on_faults(self, message: String) -> None:
        news = json.loads(message.data)
        active = set(news["faults"])
        for fault in active - set(self._faults):
            self._faults[fault] = news["since_ns"]
        for fault in set(self._faults) - active:
            del self._faults[fault]
            self._ended[fault] = news["since_ns"]

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)


def _depth_m(message: Image) -> Float32Array:
    record = depth_record(message)
    return (record.depth * record.metres_per_unit).astype(np.float32)


def _nearest(seen: list[tuple[int, Any]], instant_ns: int) -> Any:
    """Return what was stamped nearest to the instant, within reach; None for nothing."""
    near = [(abs(stamp_ns - instant_ns), what) for stamp_ns, what in seen]
    near = [entry for entry in near if entry[0] <= REACH_NS]
    return min(near, key=itemgetter(0))[1] if near else None


def sensor_lines(monitor: DemoMonitor) -> list[tuple[str, SensorLine]]:
    """Return the sensors in the papers' order."""
    return [(name, monitor.sensors[name]) for name in MODALITIES if name in monitor.sensors]


def _values(status: DiagnosticStatus) -> dict[str, str]:
    return {entry.key: entry.value for entry in status.values}
