"""The story that the demo tells: which sensors fail, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyseg_ros.demo.monitor import Pictures, SensorLine


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the demo.

    Attributes:
        title: what happens, in words.
        faults: those in force, each ``sensor:kind``.
        share: its part of the whole demo, 0..1.
    """

    title: str
    faults: tuple[str, ...]
    share: float


SCRIPT = (
    Phase("all four sensors", (), 0.2),
    Phase("LiDAR dead", ("lidar:dropout",), 0.25),
    Phase("LiDAR dead, RGB black", ("lidar:dropout", "rgb:black"), 0.25),
    Phase("both back", (), 0.3),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One phase as it was seen: its title, the pictures, and what became of each sensor."""

    title: str
    pictures: Pictures
    sensors: dict[str, SensorLine]


def phase_at(progress: float) -> int:
    """Return the index of the phase at ``progress``, 0..1 of the whole demo."""
    end = 0.0
    for index, phase in enumerate(SCRIPT):
        end += phase.share
        if progress < end:
            return index
    return len(SCRIPT) - 1


def progress_in_phase(progress: float) -> float:
    """Return how far the phase at ``progress`` has come, 0..1."""
    index = phase_at(progress)
    start = sum(phase.share for phase in SCRIPT[:index])
    return (progress - start) / SCRIPT[index].share
