"""The sets that wait for their readings, in the order of their stamps."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyseg_core.sync.records import Reading
    from anyseg_core.sync.stream_state import StreamState

_STAMP = attrgetter("stamp_ns")


@dataclass(frozen=True, slots=True)
class PendingSet:
    """A reference message whose set is not out yet, and until when it may wait."""

    stamp_ns: int
    state: StreamState
    reading: Reading
    deadline_ns: int


class PendingQueue:
    """Pending sets by stamp; deadlines never fall along the queue, so its head is due first."""

    __slots__ = ("_queue",)

    def __init__(self) -> None:
        self._queue: list[PendingSet] = []

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def head(self) -> PendingSet:
        """The oldest pending set; there must be one."""
        return self._queue[0]

    def add(self, state: StreamState, reading: Reading, deadline_ns: int) -> bool:
        """Queue a set unless one of this stamp waits already; tell whether it was queued.

        A set that comes in before others goes out before them, so it shares their deadline.
        """
        queue, stamp = self._queue, reading.stamp_ns
        if not queue or stamp > queue[-1].stamp_ns:
            queue.append(PendingSet(stamp, state, reading, deadline_ns))
            return True
        i = bisect_left(queue, stamp, key=_STAMP)
        if queue[i].stamp_ns == stamp:
            return False
        queue.insert(i, PendingSet(stamp, state, reading, queue[i].deadline_ns))
        return True

    def pop(self) -> PendingSet:
        """Take the oldest pending set."""
        return self._queue.pop(0)

    def take_all(self) -> list[PendingSet]:
        """Empty the queue and return what was in it."""
        queue, self._queue = self._queue, []
        return queue
