"""What was left out and why: counted for the diagnostics, logged once in a while."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyseg_core.errors import AnysegError

LOG_PERIOD_NS = 5_000_000_000
"""The same kind of problem on the same input is logged at most this often."""


@dataclass(slots=True)
class Rejection:
    """Messages of one input that were left out.

    Attributes:
        count: how many since the node was activated.
        last: why the latest one was.
        last_ns: when that was, on a clock that never stops.
    """

    count: int
    last: AnysegError
    last_ns: int


class RejectionLog:
    """Counts messages left out by input, and warns without flooding the log.

    Any thread may call any method: messages are refused where they arrive and where they are
    projected.

    Args:
        warn: writes one log line.
        steady_ns: a clock that never stops or jumps, in nanoseconds.
    """

    def __init__(self, warn: Callable[[str], object], steady_ns: Callable[[], int]) -> None:
        self._warn = warn
        self._steady_ns = steady_ns
        self._rejections: dict[str, Rejection] = {}
        self._logged_ns: dict[tuple[str, str, str], int] = {}
        self._lock = threading.Lock()

    def add(self, name: str, error: AnysegError) -> None:
        """Note that a message of input ``name`` was left out."""
        now_ns, kind = self._steady_ns(), (name, error.wanted, error.do)
        with self._lock:
            before = self._rejections.get(name)
            self._rejections[name] = Rejection(before.count + 1 if before else 1, error, now_ns)
            logged_ns = self._logged_ns.get(kind)
            is_due = logged_ns is None or now_ns - logged_ns >= LOG_PERIOD_NS
            if is_due:
                self._logged_ns[kind] = now_ns
        if is_due:
            self._warn(f"{name}: message left out: {error}")

    def recent(self, period_ns: int) -> dict[str, Rejection]:
        """Return the inputs of which a message was left out within the last ``period_ns``."""
        since_ns = self._steady_ns() - period_ns
        with self._lock:
            return {name: one for name, one in self._rejections.items() if one.last_ns >= since_ns}

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._rejections.clear()
            self._logged_ns.clear()
