"""Walks through the demo's script: breaks sensors, mends them, and takes samples."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from anyseg_ros.demo.lifecycle import set_string_array
from anyseg_ros.demo.script import SCRIPT, Sample, phase_at, progress_in_phase

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anyseg_ros.demo.monitor import DemoMonitor
    from anyseg_ros.demo.screen import Display

DEFAULT_SECONDS = 24.0
LOOK_FROM = 0.5
RATE_WINDOW_S = 3.0
PATIENCE_S = 10.0


class Player:
    """Plays the script once.

    Args:
        frames: its length in segmented frames; None to go by time.
        seconds: its length in seconds where ``frames`` is None; None for the default.
        monitor: counts and looks.
        displays: show.
        spin: lets the monitor receive for a moment.
    """

    def __init__(
        self,
        frames: int | None,
        seconds: float | None,
        monitor: DemoMonitor,
        displays: Sequence[Display],
        spin: Callable[[], None],
    ) -> None:
        self._frames = frames
        self._seconds = seconds or DEFAULT_SECONDS
        self._monitor = monitor
        self._displays = displays
        self._spin = spin
        self._start_s = time.monotonic()
        self._arrivals: deque[tuple[float, int]] = deque()

    def play(self) -> list[Sample]:
        """Play all phases and return a sample of each that was reached."""
        samples = []
        while (progress := self._progress()) < 1.0:
            samples.append(self._play_phase(phase_at(progress)))
        return samples

    def _play_phase(self, phase: int) -> Sample:
        for display in self._displays:
            display.announce(phase, self._progress())
        faults = list(SCRIPT[phase].faults)
        set_string_array(
            self._monitor, "/simulated_rig", "active_faults", faults, self._spin, PATIENCE_S
        )
        looking = False
        while (progress := self._progress()) < 1.0 and phase_at(progress) == phase:
            if not looking and progress_in_phase(progress) >= LOOK_FROM:
                looking = True
                self._monitor.look()
            self._spin()
            rate_hz = self._rate_hz()
            for display in self._displays:
                display.update(phase, progress, rate_hz)
        sensors = dict(self._monitor.sensors)
        return Sample(SCRIPT[phase].title, self._monitor.look_away(), sensors)

    def _progress(self) -> float:
        if self._frames is not None:
            return self._monitor.tally.frames / self._frames
        return (time.monotonic() - self._start_s) / self._seconds

    def _rate_hz(self) -> float:
        now_s, frames = time.monotonic(), self._monitor.tally.frames
        self._arrivals.append((now_s, frames))
        while now_s - self._arrivals[0][0] > RATE_WINDOW_S:
            self._arrivals.popleft()
        since_s, before = self._arrivals[0]
        return (frames - before) / (now_s - since_s) if now_s > since_s else 0.0
