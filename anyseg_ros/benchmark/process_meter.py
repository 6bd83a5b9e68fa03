"""Processor time and memory of another process, as Linux counts them (proc(5))."""

from __future__ import annotations

import os
from pathlib import Path

_MIB_PER_KIB = 1 / 1024
_RESET_PEAK = "5"
"""Written to clear_refs: the peak of the resident memory begins anew."""


class ProcessMeter:
    """Reads what a process of one's own has used.

    Args:
        pid: its number.
    """

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")
        self._ticks_per_s = os.sysconf("SC_CLK_TCK")

    def cpu_s(self) -> float:
        """Return the processor time of all its threads so far, in seconds."""
        # the name in brackets may hold spaces
        fields = (self._folder / "stat").read_text().rpartition(")")[2].split()
        user, system = int(fields[11]), int(fields[12])
        return (user + system) / self._ticks_per_s

    def forget_peak(self) -> None:
        """Let the peak of its memory begin at what it holds now."""
        (self._folder / "clear_refs").write_text(_RESET_PEAK)

    def peak_mib(self) -> float:
        """Return the most resident memory that it held, in MiB."""
        for line in (self._folder / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * _MIB_PER_KIB
        raise AssertionError(f"{self._folder}/status without VmHWM")  # Linux has it since 2.6
