"""How often each sensor was used of late: a sound sensor that no mask uses is worth a warning."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anyseg_core.segmentation import SensorReport


@dataclass(frozen=True, slots=True)
class Usage:
    """What became of one sensor in the masks of a while.

    Attributes:
        masks: how many there were.
        used: in how many the network saw the sensor.
        reason: why it was left out last; empty where it never was.
    """

    masks: int = 0
    used: int = 0
    reason: str = ""


class UsageLog:
    """Counts from one look to the next; masks may be added in another thread."""

    def __init__(self) -> None:
        self._usages: dict[str, Usage] = {}
        self._lock = threading.Lock()

    def add(self, reports: Iterable[SensorReport]) -> None:
        """Note what became of each sensor in one mask."""
        with self._lock:
            for report in reports:
                before = self._usages.get(report.sensor, Usage())
                self._usages[report.sensor] = Usage(
                    before.masks + 1, before.used + report.used, report.reason or before.reason
                )

    def take(self) -> dict[str, Usage]:
        """Return the counts by sensor, and begin anew."""
        with self._lock:
            taken, self._usages = self._usages, {}
        return taken
