"""What warming a network up takes: time, memory, and how often it ran."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MIB = 2**20


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What a warm-up took.

    Attributes:
        runs: fusions that were run, one of each kind.
        seconds: how long it took.
        memory_bytes: by how much the process's resident memory grew; None where the system does
            not tell.
    """

    runs: int
    seconds: float
    memory_bytes: int | None

    def __str__(self) -> str:
        memory = (
            "" if self.memory_bytes is None else f", {self.memory_bytes / _MIB:.0f} MiB of memory"
        )
        return f"{self.runs} kinds of input in {self.seconds:.1f} s{memory}"


def measure_warm_up(run: Callable[[], int]) -> WarmUp:
    """Measure ``run``, which returns how many kinds of input it ran."""
    before, begun = _resident_bytes(), time.perf_counter()
    runs = run()
    seconds, after = time.perf_counter() - begun, _resident_bytes()
    grown = None if before is None or after is None else max(after - before, 0)
    return WarmUp(runs, seconds, grown)


def least_seconds(run: Callable[[], object], repeats: int) -> float:
    """Return the shortest of ``repeats`` runs."""
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        run()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def _resident_bytes() -> int | None:
    """Resident memory of this process, as Linux tells it (proc(5), statm)."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
