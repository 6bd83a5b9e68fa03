"""Progress for a person: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import deque
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

LINE_SECONDS = 15.0
_WINDOW = 50


class ProgressDisplay:
    """Shows the update, the loss, the learning rate and the time left, on standard error.

    Args:
        total: updates of the whole run.
        done: those made before.
        shown: False keeps it silent.
    """

    def __init__(self, total: int, done: int, *, shown: bool = True) -> None:
        self._total = total
        self._done = done
        self._shown = shown
        self._console = Console(stderr=True)
        self._times: deque[float] = deque([time.monotonic()], maxlen=_WINDOW)
        self._last_line = 0.0
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        if self._shown and self._console.is_terminal:
            columns = (BarColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=self._console)
            self._bar.start()
            self._task = self._bar.add_task("starting", total=self._total, completed=self._done)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, loss: float, lr: float) -> None:
        """Count one update."""
        now = time.monotonic()
        self._done += 1
        self._times.append(now)
        if not self._shown:
            return
        text = self._text(loss, lr)
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, description=text)
        elif now - self._last_line >= LINE_SECONDS or self._done == self._total:
            self._last_line = now
            self.say(text)

    def pause(self) -> None:
        """Leave what happened since the last update (a validation) out of the speed."""
        self._times = deque([time.monotonic()], maxlen=_WINDOW)

    def say(self, text: str) -> None:
        """Write a line."""
        if not self._shown:
            return
        if self._bar is not None:
            self._bar.console.print(text, highlight=False)
        else:
            self._console.file.write(text + "\n")
            self._console.file.flush()

    def _text(self, loss: float, lr: float) -> str:
        seconds = (self._times[-1] - self._times[0]) / max(1, len(self._times) - 1)
        left = clock(seconds * (self._total - self._done))
        return (
            f"update {self._done}/{self._total}  loss {loss:.3f}  lr {lr:.2e}  "
            f"{1000 * seconds:.0f} ms  {left} left"
        )


def clock(seconds: float) -> str:
    """Return a duration as h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
