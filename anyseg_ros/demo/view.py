"""What a browser shows while the demo runs: inputs, overlay, what is used and why, what failed."""

from __future__ import annotations

import queue
import socket
import threading
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from anyseg_core.errors import MissingDependencyError
from anyseg_ros.demo.monitor import DemoMonitor, sensor_lines
from anyseg_ros.demo.page import ViewerPage
from anyseg_ros.demo.processes import ProcessFailedError
from anyseg_ros.demo.report import PICTURE_ROWS, TILE, caption, tile, tiles
from anyseg_ros.demo.script import SCRIPT
from anyseg_ros.demo.viewer_server import LOOPBACK, viewer_binary

if TYPE_CHECKING:
    from types import TracebackType

    from anyseg_core.geometry import Calibration
    from anyseg_ros.demo.monitor import Pictures, SensorLine
    from anyseg_ros.demo.processes import Processes

PERIOD_S = 0.5
END_S = 5.0
PATIENCE_S = 30.0
PROCESS = "viewer"


@dataclass(frozen=True, slots=True)
class Moment:
    """What is shown at once: the pictures, the state in Markdown, what happened since the last."""

    seconds: float
    pictures: Pictures
    sensors: dict[str, SensorLine]
    state: str
    events: tuple[tuple[str, str], ...]


class DemoView:
    """A page on this machine alone, by Rerun's viewer.

    A thread of its own sends, for a slow browser holds the sender up: the demo never waits for it,
    moments that would have to wait are left out.

    Args:
        processes: runs the viewer's server, and ends it.
        monitor: what to show.
        calibration: where the LiDAR's points lie in the picture.

    Raises:
        MissingDependencyError: the viewer is not installed.
    """

    def __init__(
        self, processes: Processes, monitor: DemoMonitor, calibration: Calibration
    ) -> None:
        require_viewer()
        import rerun  # noqa: PLC0415 - an extra of its own, and slow to import

        self._rerun = rerun
        self._processes = processes
        self._monitor = monitor
        self._calibration = calibration
        self._stream = rerun.RecordingStream("anyseg_demo")
        self._open = ExitStack()
        self._start_s = time.monotonic()
        self._due_s = 0.0
        self._events: list[tuple[str, str]] = []
        self._moments: queue.Queue[Moment | None] = queue.Queue(1)
        self._sender = threading.Thread(target=self._send_all, name="viewer-data", daemon=True)
        self._told: dict[str, str] = {}
        self._faults: set[str] = set()
        self.url = ""

    def __enter__(self) -> Self:
        data_port, page_port = _free_ports(2)
        folder = self._processes.log_dir / PROCESS
        self._processes.start_module(
            PROCESS, "anyseg_ros.demo.viewer_server", [str(data_port), str(page_port), str(folder)]
        )
        self._await(data_port)
        self._await(page_port)
        self._stream.connect_grpc(f"rerun+http://{LOOPBACK}:{data_port}/proxy")
        self._stream.send_blueprint(_blueprint())
        self.url = self._open.enter_context(ViewerPage(data_port, page_port)).url
        self._sender.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()
        with suppress(queue.Full):
            self._moments.put(None, timeout=END_S)
        self._sender.join(END_S)
        if not self._sender.is_alive():
            self._stream.disconnect()

    def announce(self, phase: int, progress: float) -> None:
        """Tell that a phase of the script begins."""
        self._tell(f"{progress:4.0%}  {SCRIPT[phase].title}", "INFO")

    def update(self, phase: int, progress: float, rate_hz: float) -> None:
        """Show the present state, some times a second."""
        now_s = time.monotonic()
        if now_s < self._due_s:
            return
        self._due_s = now_s + PERIOD_S
        self._tell_changes()
        moment = Moment(
            now_s - self._start_s,
            self._monitor.pictures(),
            dict(self._monitor.sensors),
            self._state(phase, progress, rate_hz),
            tuple(self._events),
        )
        with suppress(queue.Full):
            self._moments.put_nowait(moment)
            self._events.clear()

    def _send_all(self) -> None:
        for moment in iter(self._moments.get, None):
            self._send(moment)

    def _send(self, moment: Moment) -> None:
        rerun = self._rerun
        self._stream.set_time("demo", duration=moment.seconds)
        pictures = tiles(moment.pictures, self._calibration)
        for name in PICTURE_ROWS:
            words, colour = caption(name, moment.sensors.get(name))
            self._stream.log(f"{name}/picture", rerun.Image(np.asarray(tile(pictures[name]))))
            frame = rerun.Boxes2D(mins=[0, 0], sizes=[TILE, TILE], colors=colour, labels=words)
            self._stream.log(f"{name}/frame", frame)
        document = rerun.TextDocument(moment.state, media_type="text/markdown")
        self._stream.log("state", document)
        for words, level in moment.events:
            self._stream.log("events", rerun.TextLog(words, level=level))

    def _state(self, phase: int, progress: float, rate_hz: float) -> str:
        tally = self._monitor.tally
        latency = f"{tally.latencies_ms[-1]:.0f} ms" if tally.latencies_ms else "-"
        faults = ", ".join(sorted(self._monitor.faults)) or "none"
        rows = [
            f"| {name} | {'yes' if line.used else '**no**'} | {line.state} | {line.age_ms} "
            f"| {line.reason.replace('|', '/')} |"
            for name, line in sensor_lines(self._monitor)
        ]
        lines = [
            f"## {SCRIPT[phase].title} ({progress:.0%})",
            f"Faults in force: **{faults}**",
            "",
            "| sensor | used | state | age ms | why |",
            "|---|---|---|---|---|",
            *rows,
            "",
            f"{tally.frames} frames, {rate_hz:.1f} Hz, {latency} late, {tally.dropped} overtaken",
        ]
        return "\n".join(lines)

    def _tell_changes(self) -> None:
        for fault in sorted(self._monitor.faults - self._faults):
            self._tell(f"fault {fault} begins", "ERROR")
        for fault in sorted(self._faults - self._monitor.faults):
            self._tell(f"fault {fault} ends", "INFO")
        self._faults = set(self._monitor.faults)
        for name, line in sensor_lines(self._monitor):
            said = "used" if line.used else f"left out: {line.reason}"
            kind = said.split(" (", maxsplit=1)[0]
            if self._told.get(name) != kind:
                self._told[name] = kind
                self._tell(f"{name} {said}", "INFO" if line.used else "WARN")

    def _tell(self, words: str, level: str) -> None:
        self._events.append((words, level))

    def _await(self, port: int) -> None:
        """Wait until the server listens.

        Raises:
            ProcessFailedError: it ended, or did not listen in time.
        """
        end_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s:
            self._processes.check()
            with closing(socket.socket()) as probe:
                if probe.connect_ex((LOOPBACK, port)) == 0:
                    return
            time.sleep(0.05)
        raise ProcessFailedError(
            f"no answer of the viewer on port {port} within {PATIENCE_S:g} s",
            "a server on loopback",
            f"read {self._processes.log_dir / PROCESS}.log",
        )


def require_viewer() -> None:
    """Refuse where the viewer is missing.

    Raises:
        MissingDependencyError: rerun-sdk is not installed.
    """
    if viewer_binary() is None:
        raise MissingDependencyError(
            "no package rerun-sdk", "it, for --view", "run: pip install rerun-sdk"
        )


def _blueprint() -> Any:
    from rerun import blueprint  # noqa: PLC0415 - an extra of its own, and slow to import

    pictures = [blueprint.Spatial2DView(origin=name, name=name) for name in PICTURE_ROWS]
    return blueprint.Blueprint(
        blueprint.Vertical(
            blueprint.Horizontal(*pictures[:-1]),
            blueprint.Horizontal(
                pictures[-1],
                blueprint.TextDocumentView(origin="state", name="what is used, and why"),
                blueprint.TextLogView(origin="events", name="what happened"),
                column_shares=[1, 2, 2],
            ),
        ),
        collapse_panels=True,
    )


def _free_ports(count: int) -> list[int]:
    """Return ports of loopback that are free now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(closing(socket.socket())) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]
