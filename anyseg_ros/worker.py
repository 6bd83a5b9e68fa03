"""One inference at a time on the newest frame: older ones are dropped and counted, never queued."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Item = TypeVar("Item")


class NewestWorker(Generic[Item]):
    """A thread with room for one waiting item; a newer one takes its place.

    Args:
        work: called with each item that is not overtaken, in the worker's thread.
        on_error: called with what ``work`` raised; the worker goes on with the next item.
    """

    def __init__(self, work: Callable[[Item], None], on_error: Callable[[Exception], None]) -> None:
        self._work = work
        self._on_error = on_error
        self._waiting: Item | None = None
        self._stopping = False
        self._dropped = 0
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="anyseg-inference", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """How many items were overtaken by newer ones."""
        return self._dropped

    def submit(self, item: Item) -> None:
        """Hand over an item; returns at once."""
        with self._changed:
            if self._waiting is not None:
                self._dropped += 1
            self._waiting = item
            self._changed.notify()

    def stop(self) -> None:
        """Finish the item at work, forget the waiting one, and end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (item := self._next()) is not None:
            try:
                self._work(item)
            except Exception as error:  # noqa: BLE001 - one bad frame must not end the stream
                self._on_error(error)

    def _next(self) -> Item | None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._waiting is not None)
            item, self._waiting = self._waiting, None
            return None if self._stopping else item
