"""Work shared between two threads, and the memory that such work uses again and again.

numba's own ``parallel=True`` is not used: with its workqueue layer a process ends where two threads
run such loops at once, as a node's do. The loops of `anyseg_core.kernels` run without the
interpreter's lock, so plain threads share them well.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike, NDArray


class _Helper:
    """One thread beside the caller's, started on first use and anew in a forked process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def forget(self) -> None:
        """Give up a thread that a fork did not take along."""
        self.__init__()  # type: ignore[misc]  # this class has no heirs

    def pool(self) -> ThreadPoolExecutor:
        """Return the pool, started where it is not."""
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(1, thread_name_prefix="anyseg-loops")
            return self._pool


_HELPER = _Helper()
os.register_at_fork(after_in_child=_HELPER.forget)


def run_halves(part: Callable[[int, int, int], None], size: int) -> None:
    """Run ``part(0, 0, middle)`` here and ``part(1, middle, size)`` in a helper thread.

    The split depends on the size alone, so that sums come out the same on every machine.

    Args:
        part: takes the half's number, its first item, and the item after its last.
        size: how many items there are.
    """
    middle = size // 2
    second = _HELPER.pool().submit(part, 1, middle, size)
    try:
        part(0, 0, middle)
    finally:
        second.result()


class Scratch(threading.local):
    """Arrays that one thread keeps from call to call; each loop leaves its own as it found it."""

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}

    def array(self, name: str, size: int, dtype: DTypeLike, fill: float = 0) -> NDArray[Any]:
        """Return ``size`` items, filled with ``fill`` when made and with what they held later on.

        Args:
            name: whose array it is.
            size: items; an array that is too small is replaced.
            dtype: type of the items, always the same for one name.
            fill: what new items hold.
        """
        array = self._arrays.get(name)
        if array is None or array.size < size:
            array = self._arrays[name] = np.full(size, fill, dtype)
        return array[:size]
