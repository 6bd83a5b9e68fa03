"""What the terminal shows: live on a terminal, line by line elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from anyseg_ros.demo.monitor import DemoMonitor, sensor_lines
from anyseg_ros.demo.script import SCRIPT

if TYPE_CHECKING:
    from types import TracebackType

RATE_FRAMES = 20


class Display(Protocol):
    """Shows how the demo goes on."""

    def announce(self, phase: int, progress: float) -> None:
        """Tell that a phase of the script begins."""

    def update(self, phase: int, progress: float, rate_hz: float) -> None:
        """Show the present state."""


class Screen:
    """Shows what the node uses, and why a sensor is out.

    Args:
        console: where to.
        monitor: what to show.
    """

    def __init__(self, console: Console, monitor: DemoMonitor) -> None:
        self._console = console
        self._monitor = monitor
        self._live = Live(console=console, refresh_per_second=8) if console.is_terminal else None
        self._told: dict[str, str] = {}

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def announce(self, phase: int, progress: float) -> None:
        """Tell that a phase of the script begins."""
        self._console.print(f"[bold]{progress:4.0%}  {SCRIPT[phase].title}[/bold]")

    def update(self, phase: int, progress: float, rate_hz: float) -> None:
        """Show the present state; away from a terminal, only what changed."""
        if self._live is not None:
            self._live.update(Group(self._table(), self._footer(phase, progress, rate_hz)))
            return
        for name, line in sensor_lines(self._monitor):
            said = "used" if line.used else f"left out: {line.reason}"
            kind = said.split(" (", maxsplit=1)[0]
            if self._told.get(name) != kind:
                self._told[name] = kind
                self._console.print(f"{progress:5.0%}  {name:6} {said}", markup=False)

    def _table(self) -> Table:
        table = Table(expand=True)
        for title, width in (("sensor", 8), ("used", 5), ("state", 11), ("age ms", 8)):
            table.add_column(title, width=width, no_wrap=True)
        table.add_column("why", ratio=1)
        for name, line in sensor_lines(self._monitor):
            mark = Text("yes", "green") if line.used else Text("no", "bold red")
            table.add_row(name, mark, line.state, line.age_ms, Text(line.reason))
        return table

    def _footer(self, phase: int, progress: float, rate_hz: float) -> Group:
        tally = self._monitor.tally
        latency = f"{tally.latencies_ms[-1]:.0f} ms" if tally.latencies_ms else "-"
        return Group(
            Text(
                f"{SCRIPT[phase].title}   frames {tally.frames}   rate {rate_hz:.1f} Hz   "
                f"latency {latency}   overtaken {tally.dropped}"
            ),
            ProgressBar(total=1.0, completed=min(progress, 1.0)),
        )
