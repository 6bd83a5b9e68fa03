"""Stopping a run cleanly: by signal, or when its time is up."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import FrameType, TracebackType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopper:
    """Notes that the run shall stop; the step under way is finished first.

    As a context manager it takes over SIGINT and SIGTERM. A second signal goes its usual way.

    Args:
        max_minutes: from the making of this object on; None for no limit.
    """

    def __init__(self, max_minutes: float | None = None) -> None:
        self._deadline = None if max_minutes is None else time.monotonic() + 60.0 * max_minutes
        self._before: dict[int, object] = {}
        self.signal: int | None = None

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._restore()

    @property
    def asked(self) -> bool:
        """Whether to stop now."""
        late = self._deadline is not None and time.monotonic() >= self._deadline
        return late or self.signal is not None

    def _note(self, number: int, _: FrameType | None) -> None:
        self.signal = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal returned
        self._before = {}
