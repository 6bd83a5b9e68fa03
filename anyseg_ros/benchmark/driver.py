"""Sends ready messages to the perception node and times the masks that come back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import cycle, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from anyseg_core.errors import AnysegError
from anyseg_core.messages import stamp_to_ns
from anyseg_core.types import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyseg_ros.benchmark.clip import MessageClip
    from anyseg_ros.benchmark.process_meter import ProcessMeter

WARM_UP_S = 1.0
LEAST_INSTANTS = 3
LEAD_NS = 25_000_000
"""The first messages of an instant are sent a little less than this before it."""
TAIL_S = 3.0
"""How long the last masks may take; a frame that is overtaken never comes."""
PATIENCE_S = 120.0
TICK_S = 0.05

_TOPICS = {
    "camera_info": (CameraInfo, "rgb/camera_info"),
    "rgb": (Image, "rgb/image"),
    "depth": (Image, "depth/image"),
    "event": (PointCloud2, "events"),
    "lidar": (PointCloud2, "lidar/points"),
}


class NoMasksError(AnysegError):
    """The node did not answer as it should."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent: these sensors, so many times a second."""

    sensors: tuple[str, ...]
    rate_hz: float

    def instants(self, seconds: float) -> int:
        """Return how many instants this time has, at least a few."""
        return max(LEAST_INSTANTS, round(seconds * self.rate_hz))


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one load.

    Attributes:
        sent: instants.
        received: masks of these instants.
        complete: of these, made of all the sensors that were sent. The next five are of them
            alone: a mask of fewer sensors is quicker.
        p50_ms: latency from the instant's stamp to the mask at the receiver.
        p95_ms: the same.
        max_ms: the same.
        own_ms: the median of these latencies less what the network took in the same frame.
        rate_hz: complete masks a second.
        cpu_share: processor time of the node, in cores.
        peak_mib: most memory that the node held.
    """

    sent: int
    received: int
    complete: int
    p50_ms: float
    p95_ms: float
    max_ms: float
    own_ms: float
    rate_hz: float
    cpu_share: float
    peak_mib: float

    @property
    def dropped(self) -> int:
        """Instants without a mask: overtaken by newer ones."""
        return self.sent - self.received


@dataclass(frozen=True, slots=True)
class _FrameStatus:
    """What the node said of one mask: the sensors in it, and the network's part of its latency."""

    used: frozenset[str]
    network_ms: float


class Driver(Node):
    """A robot and its user in one: publishes sensors and receives masks.

    Args:
        clip: what is sent, again and again.
        target: full name of the perception node.
        check: called while waiting; raises where the node has ended.
    """

    def __init__(self, clip: MessageClip, target: str, check: Callable[[], None]) -> None:
        super().__init__("anyseg_benchmark")
        self._instants = cycle(clip.instants)
        self._check = check
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)
        self._senders = {
            name: self.create_publisher(kind, topic, qos_profile_sensor_data)
            for name, (kind, topic) in _TOPICS.items()
        }
        self._lifecycle: Any = self.create_client(ChangeState, f"{target}/change_state")
        self._received_ns: dict[int, int] = {}
        self._statuses: dict[int, _FrameStatus] = {}
        self._mask = self.create_subscription(Image, f"{target}/segmentation", self._on_mask, 50)
        self._status = self.create_subscription(
            DiagnosticArray, f"{target}/status", self._on_status, 50
        )

    def destroy_node(self) -> None:
        """Also end the executor."""
        self._executor.shutdown()
        super().destroy_node()

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Receive until ``condition`` holds.

        Raises:
            NoMasksError: it did not in time.
        """
        end_s = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > end_s:
                raise NoMasksError(
                    f"no {what} within {PATIENCE_S:g} s", "it", "read the node's log"
                )
            self._check()
            self._executor.spin_once(timeout_sec=TICK_S)

    def configure(self) -> None:
        """Let the node load its network.

        Raises:
            NoMasksError: it refuses, or does not answer.
        """
        self._change(Transition.TRANSITION_CONFIGURE, "configure")

    def _change(self, transition: int, name: str) -> None:
        self.wait_for(self._lifecycle.service_is_ready, "lifecycle service of the node")
        request = ChangeState.Request(transition=Transition(id=transition))
        future = self._lifecycle.call_async(request)
        self.wait_for(future.done, f"answer to {name}")
        answer: Any = future.result()
        if not answer.success:
            raise NoMasksError(f"a node that refuses to {name}", "it ready", "read its log")

    def _connect(self) -> None:
        """Wait until the node listens to every sensor and is heard."""
        ends = [*self._senders.values()]
        self.wait_for(
            lambda: (
                all(sender.get_subscription_count() for sender in ends)
                and self.count_publishers(self._mask.topic_name)
                and self.count_publishers(self._status.topic_name)
            ),
            "connection to the node",
        )

    def measure(self, load: Load, seconds: float, meter: ProcessMeter) -> Measured:
        """Send one load for a while and return what came of it; a moment before is not counted.

        The node is active for just that time, so that nothing of another load is left in it.

        Raises:
            NoMasksError: no mask came at all.
        """
        self._change(Transition.TRANSITION_ACTIVATE, "activate")
        self._connect()
        try:
            return self._measure(load, seconds, meter)
        finally:
            self._change(Transition.TRANSITION_DEACTIVATE, "deactivate")

    def _measure(self, load: Load, seconds: float, meter: ProcessMeter) -> Measured:
        self._received_ns.clear()
        self._statuses.clear()
        self._send(load, WARM_UP_S)
        meter.forget_peak()
        cpu_s, begun_s = meter.cpu_s(), time.monotonic()
        stamps = self._send(load, seconds)
        cpu_share = (meter.cpu_s() - cpu_s) / (time.monotonic() - begun_s)
        end_s = time.monotonic() + TAIL_S
        while time.monotonic() < end_s and not self._has(stamps[-1]):
            self._check()
            self._executor.spin_once(timeout_sec=TICK_S)
        return self._summary(load, stamps, cpu_share, meter.peak_mib())

    def _summary(
        self, load: Load, stamps: list[int], cpu_share: float, peak_mib: float
    ) -> Measured:
        wanted = frozenset(load.sensors)
        received = sum(stamp in self._received_ns for stamp in stamps)
        there = [s for s in stamps if self._has(s) and self._statuses[s].used == wanted]
        if not there:
            raise NoMasksError(
                f"{received} masks of {len(stamps)} instants, none of all {len(wanted)} sensors",
                "some of them",
                "read the node's log",
            )
        latencies = [(self._received_ns[stamp] - stamp) / NS_PER_MS for stamp in there]
        own = [
            latency - self._statuses[stamp].network_ms
            for latency, stamp in zip(latencies, there, strict=True)
        ]
        p50, p95 = np.percentile(latencies, (50, 95))
        arrivals = sorted(self._received_ns[stamp] for stamp in there)
        gaps_s = [(later - earlier) / NS_PER_S for earlier, later in pairwise(arrivals)]
        return Measured(
            sent=len(stamps),
            received=received,
            complete=len(there),
            p50_ms=float(p50),
            p95_ms=float(p95),
            max_ms=max(latencies),
            own_ms=float(np.median(own)),
            rate_hz=len(gaps_s) / sum(gaps_s) if gaps_s else 0.0,
            cpu_share=cpu_share,
            peak_mib=peak_mib,
        )

    def _has(self, stamp_ns: int) -> bool:
        return stamp_ns in self._received_ns and stamp_ns in self._statuses

    def _send(self, load: Load, seconds: float) -> list[int]:
        """Send for so long, at least a few instants; returns their stamps."""
        names = {*load.sensors, *(("camera_info",) if "rgb" in load.sensors else ())}
        count = load.instants(seconds)
        begun_ns = time.time_ns() + LEAD_NS
        stamps = []
        for number in range(count):
            t_ns = begun_ns + round(number * NS_PER_S / load.rate_hz)
            for message in next(self._instants):
                if message.sensor in names:
                    self._receive_until(t_ns + message.sent_ns)
                    self._senders[message.sensor].publish(message.at(t_ns))
            stamps.append(t_ns)
            self._check()
        self._receive_until(begun_ns + round(count * NS_PER_S / load.rate_hz) - LEAD_NS)
        return stamps

    def _receive_until(self, end_ns: int) -> None:
        while (left_ns := end_ns - time.time_ns()) > 0:
            self._executor.spin_once(timeout_sec=left_ns / NS_PER_S)

    def _on_mask(self, message: Image) -> None:
        self._received_ns.setdefault(stamp_to_ns(message.header.stamp), time.time_ns())

    def _on_status(self, message: DiagnosticArray) -> None:
        values: dict[str, Any] = {entry.key: entry.value for entry in message.status[0].values}
        used = frozenset(filter(None, values["used"].split(",")))
        status = _FrameStatus(used, float(values["network_ms"]))
        self._statuses[stamp_to_ns(message.header.stamp)] = status
