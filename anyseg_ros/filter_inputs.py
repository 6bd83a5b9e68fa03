"""From filters with ``registerCallback`` to sets: the part of the adapter that needs no ROS."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from anyseg_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anyseg_core.sync import FrameSet, Reading, Synchronizer

Messages = tuple[Any, ...]
"""Per input the message, the tuple of messages of a window, or None where it has none."""


class FilterInputs:
    """Feeds what filters signal to a synchroniser and gives out its sets, one after another.

    Messages may come from several threads at once. Sets go out in the order of their stamps, one
    at a time, in the thread of one of the messages and with no lock held: a callback may take its
    time, raise, or signal an input itself. What it raises goes to the caller of that thread; the
    sets behind it go out with the next message. While a callback is at work, at most
    ``max_waiting`` sets are kept for it.

    Args:
        names: the synchroniser's streams in the order of the inputs.
        synchronizer: takes the messages; nothing else may use it.
        stamp_of: reads a message's stamp in nanoseconds; None where it has none.
        emit: takes each set, with its messages in the order of the inputs.
        now_ns: the arrival clock.
        max_waiting: sets kept while a callback is at work; beyond, the oldest goes.
    """

    def __init__(
        self,
        names: Sequence[str],
        synchronizer: Synchronizer,
        stamp_of: Callable[[Any], int | None],
        emit: Callable[[FrameSet, Messages], None],
        now_ns: Callable[[], int],
        max_waiting: int,
    ) -> None:
        self._names = tuple(names)
        self._synchronizer = synchronizer
        self._stamp_of = stamp_of
        self._emit = emit
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._waiting: deque[FrameSet] = deque()
        self._max_waiting = max_waiting
        self._overtaken = 0
        self._emitting = False

    @property
    def overtaken(self) -> int:
        """How many sets were dropped because callbacks took longer than sets took to come."""
        return self._overtaken

    def connect(self, filters: Sequence[Any]) -> list[Any]:
        """Register with one filter per stream; returns what each ``registerCallback`` returned.

        Raises:
            ConfigurationError: as many filters as streams are needed, each one with that method.
        """
        if len(filters) != len(self._names):
            raise ConfigurationError(
                f"{len(filters)} filters for the inputs {', '.join(self._names)}",
                "one filter per input",
                "give as many streams as filters",
            )
        for one in filters:
            if not callable(getattr(one, "registerCallback", None)):
                raise ConfigurationError(
                    f"an input of type {type(one).__name__}",
                    "a message filter: Subscriber, Cache or whatever has registerCallback",
                    "wrap the topic in message_filters.Subscriber",
                )
        return [
            one.registerCallback(self.add, name)
            for one, name in zip(filters, self._names, strict=True)
        ]

    def add(self, message: Any, name: str) -> None:
        """Take one message of an input; one without a stamp is left out."""
        stamp_ns = self._stamp_of(message)
        if stamp_ns is None:
            return
        with self._lock:
            self._keep(self._synchronizer.push(name, stamp_ns, message, self._now_ns()))
        self._give_out()

    def poll(self) -> None:
        """Give out the sets whose wait is over."""
        with self._lock:
            self._keep(self._synchronizer.poll(self._now_ns()))
        self._give_out()

    def _keep(self, sets: list[FrameSet]) -> None:
        self._waiting += sets
        while self._emitting and len(self._waiting) > self._max_waiting:
            self._waiting.popleft()
            self._overtaken += 1

    def _give_out(self) -> None:
        """Give out what waits, unless a thread is at it: that one will see to it."""
        if not self._begin():
            return
        try:
            while (frame_set := self._next()) is not None:
                self._emit(frame_set, messages_of(frame_set, self._names))
        except BaseException:
            self._emitting = False
            raise

    def _begin(self) -> bool:
        with self._lock:
            if self._emitting or not self._waiting:
                return False
            self._emitting = True
            return True

    def _next(self) -> FrameSet | None:
        """Return the next set; with none left, end under the lock that others add under."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._emitting = False
            return None


def messages_of(frame_set: FrameSet, names: Sequence[str]) -> Messages:
    """Return a set's messages in the order of ``names``, None for each input without one."""
    return tuple(_payload(frame_set.readings.get(name)) for name in names)


def _payload(reading: Reading | tuple[Reading, ...] | None) -> Any:
    if reading is None:
        return None
    if isinstance(reading, tuple):
        return tuple(one.payload for one in reading)
    return reading.payload
