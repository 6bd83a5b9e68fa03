"""The synchroniser as a filter of ROS 2's ``message_filters``; see docs/synchronisation.md."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rclpy.clock import Clock, ROSClock
from rclpy.clock_type import ClockType
from rclpy.logging import get_logger

from anyseg_core.config import seconds_to_ns
from anyseg_core.errors import ConfigurationError
from anyseg_core.messages.stamps import time_to_ns
from anyseg_core.sync import FrameSet, Stream, StreamCounts, Synchronizer
from anyseg_ros.filter_inputs import FilterInputs, Messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rclpy.node import Node

try:
    from message_filters import SimpleFilter
except ImportError as error:
    raise ImportError(
        "anyseg_ros.message_filter is a filter for ROS 2's package message_filters, which is not "
        "installed here: install ros-<distribution>-message-filters, or use "
        "anyseg_core.sync.Synchronizer, which needs no ROS"
    ) from error

POLL_PERIOD_S = 0.02


class AvailableTimeSynchronizer(SimpleFilter):  # type: ignore[misc] # a class without types
    """Takes the place of ``message_filters.ApproximateTimeSynchronizer``, and never goes silent.

    The callback gets one argument per input, as there: the message, or None where the input has
    none that belongs to this instant. One set goes out for every message of the reference, the
    first live input; why an input is None stands in ``frame_set.absent``. Callbacks run outside
    any lock, one set at a time, in the thread of the message (or timer) that completed it.

    Args:
        fs: the inputs: Subscribers, Caches or anything else with ``registerCallback``. Best
            reference first, unless ``reference_order`` says otherwise.
        queue_size: messages kept per input, and sets kept while a callback is at work in another
            thread; the oldest go first, and are counted.
        slop: farthest that a message may lie from the reference's stamp, in seconds.
        allow_headerless: stamp messages without a header with the ROS time of their arrival; by
            default they are left out with a warning.
        max_wait: longest wait for inputs that are alive but late, in seconds.
        timeout: an input silent for so long is not waited for, in seconds.
        streams: one per input instead of ``slop`` and ``timeout``, for inputs that differ in
            tolerance, timeout or offset, or give a window of messages (a tuple, oldest first).
        reference_order: names of the streams that may give the instants, best first; without
            ``streams`` the names are "0", "1" and so on.
        node: whose clock tells arrival and on which a timer ends the waits; by default the node
            of the first Subscriber. Where there is none, arrival goes by a steady clock, and a
            wait ends with the next message of any input.

    Raises:
        ConfigurationError: an input that is no filter, or values that make no sense.
    """

    def __init__(
        self,
        fs: Sequence[Any],
        queue_size: int,
        slop: float,
        *,
        allow_headerless: bool = False,
        max_wait: float = 0.1,
        timeout: float = 1.0,
        streams: Sequence[Stream] | None = None,
        reference_order: Sequence[str] | None = None,
        node: Node | None = None,
    ) -> None:
        SimpleFilter.__init__(self)
        streams = _streams(len(fs), slop, timeout) if streams is None else streams
        names = [stream.name for stream in streams]
        self._synchronizer = Synchronizer(
            streams, reference_order or names, seconds_to_ns(max_wait), max_buffered=queue_size
        )
        self._allow_headerless = allow_headerless
        self._node = (
            next((f.node for f in fs if hasattr(f, "node")), None) if node is None else node
        )
        self._frame_set: FrameSet | None = None
        self._inputs = FilterInputs(
            names, self._synchronizer, self._stamp_of, self._signal, self._now_ns, queue_size
        )
        self.connectInput(fs)
        if self._node is not None:
            # a steady clock: waits must end while simulated time is paused
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            self._timer = self._node.create_timer(POLL_PERIOD_S, self._inputs.poll, clock=steady)

    def connectInput(self, fs: Sequence[Any]) -> None:  # noqa: N802 - message_filters' name
        """Register with the inputs; called by the constructor."""
        self.input_connections = self._inputs.connect(fs)

    @property
    def frame_set(self) -> FrameSet | None:
        """The set whose messages the callbacks have now or had last; its ``absent`` says why."""
        return self._frame_set

    @property
    def overtaken(self) -> int:
        """How many sets were dropped because callbacks took longer than sets took to come."""
        return self._inputs.overtaken

    def counts(self, name: str) -> StreamCounts:
        """Return where an input's messages went."""
        return self._synchronizer.counts(name)

    def _signal(self, frame_set: FrameSet, messages: Messages) -> None:
        self._frame_set = frame_set
        self.signalMessage(*messages)

    def _now_ns(self) -> int:
        if self._node is None:
            return time.monotonic_ns()
        return int(self._node.get_clock().now().nanoseconds)

    def _stamp_of(self, message: Any) -> int | None:
        stamp = getattr(getattr(message, "header", None), "stamp", None)
        if stamp is not None:
            stamp_ns = getattr(stamp, "nanoseconds", None)
            return time_to_ns(stamp) if stamp_ns is None else stamp_ns
        if self._allow_headerless:
            return int(ROSClock().now().nanoseconds)
        get_logger("anyseg_ros.message_filter").warning(
            f"a {type(message).__name__} without a header is left out: it has no stamp; set "
            "allow_headerless to take the time of its arrival",
            throttle_duration_sec=5.0,
        )
        return None


def _streams(count: int, slop_s: float, timeout_s: float) -> list[Stream]:
    if count < 1 or not slop_s >= 0.0 or not timeout_s > 0.0:
        raise ConfigurationError(
            f"{count} filters, slop {slop_s} s, timeout {timeout_s} s",
            "at least one filter, a slop of 0 or more and a timeout above 0",
            "correct these three",
        )
    tolerance_ns, timeout_ns = seconds_to_ns(slop_s), seconds_to_ns(timeout_s)
    return [Stream(str(i), tolerance_ns=tolerance_ns, timeout_ns=timeout_ns) for i in range(count)]
