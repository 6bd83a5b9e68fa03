"""How surely and how soon the health monitor finds each fault, and how often it errs."""

from __future__ import annotations

import statistics
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

from anyseg_core.benchmark.clips import ClipConfig, load_clip
from anyseg_core.benchmark.detection_runs import (
    LEARNING_NS,
    PATIENCE_NS,
    ClipResult,
    FalseAlarm,
    Run,
    run_clip,
)
from anyseg_core.errors import ConfigurationError
from anyseg_core.health import SensorHealthConfig
from anyseg_core.simulation import CONDITIONS
from anyseg_core.simulation.faults import KINDS
from anyseg_core.types import MODALITIES, NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FIRST_SEEDS = (0, 100, 200, 900, 910)
"""Seeds of the streets, one more for each further condition. The thresholds were chosen while
looking at those from 900 on; the others check them."""

WANTED_RUNS = 95
"""Of 100 runs so many are to be noticed, and"""

WANTED_ALARMS = 1.0
"""so many false alarms a sensor are allowed in ten minutes of clean stream."""

OPEN = (("lidar", "wrong_extrinsic"),)
"""Faults of which one sensor alone cannot tell everything; the figure is not asked of them."""


@dataclass(frozen=True, slots=True)
class DetectionConfig:
    """What is run.

    Attributes:
        runs: runs of each fault of each sensor, spread over the clips.
        streets: streets for each condition, at most as many as ``FIRST_SEEDS``.
        seconds: length of each clip.
        size: columns and rows of the cameras.
        seed: of onsets and faults.
        folder: where rendered clips are kept; None keeps none.
        jobs: processes.

    Raises:
        ConfigurationError: a value out of range.
    """

    runs: int = 100
    streets: int = len(FIRST_SEEDS)
    seconds: int = 24
    size: int = 160
    seed: int = 0
    folder: Path | None = None
    jobs: int = 1

    def __post_init__(self) -> None:
        least = (LEARNING_NS + PATIENCE_NS) // NS_PER_S + 1
        limits = {
            "runs": (1, 100_000), "streets": (1, len(FIRST_SEEDS)), "seconds": (least, 3600),
            "size": (64, 4096), "seed": (0, 2**31), "jobs": (1, 256),
        }  # fmt: skip
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigurationError(f"{name} = {value}", f"{low} to {high}", f"correct {name}")

    @property
    def clips(self) -> list[ClipConfig]:
        """The clips, street by street, each condition in turn."""
        return [
            ClipConfig(first + number, condition, self.seconds, self.size)
            for first in FIRST_SEEDS[: self.streets]
            for number, condition in enumerate(CONDITIONS)
        ]


@dataclass(frozen=True, slots=True)
class FaultRow:
    """What came of all runs of one fault of one sensor.

    Attributes:
        sensor: whose fault.
        fault: its kind.
        runs: how many.
        detected: of these noticed within the patience.
        detectors: that noticed it first, the most frequent first, with how often.
        delay_median_ms: from the onset to the finding; None where none was noticed.
        delay_max_ms: the same.
        missed: by condition, how many were not noticed.
        met: whether the figure is reached; None where it is not asked for.
    """

    sensor: str
    fault: str
    runs: int
    detected: int
    detectors: dict[str, int]
    delay_median_ms: float | None
    delay_max_ms: float | None
    missed: dict[str, int]
    met: bool | None


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """False alarms of one detector in a sensor's clean streams."""

    sensor: str
    detector: str
    count: int
    per_ten_minutes: float


@dataclass(frozen=True, slots=True)
class Detection:
    """The figures: a row for each fault, and one for each detector of each sensor."""

    config: DetectionConfig
    clean_minutes: float
    faults: tuple[FaultRow, ...]
    alarms: tuple[AlarmRow, ...]
    false_alarms: tuple[FalseAlarm, ...]

    def alarms_of(self, sensor: str) -> float:
        """Return the false alarms of a sensor in ten minutes, all its detectors together."""
        return sum(row.per_ten_minutes for row in self.alarms if row.sensor == sensor)

    @property
    def met(self) -> bool:
        """Whether every figure that is asked for is reached."""
        quiet = all(self.alarms_of(sensor) <= WANTED_ALARMS for sensor in MODALITIES)
        return quiet and all(row.met is not False for row in self.faults)

    def as_json(self) -> dict[str, object]:
        """Return the figures as JSON takes them."""
        folder = self.config.folder
        return {
            **asdict(self),
            "config": {**asdict(self.config), "folder": None if folder is None else str(folder)},
            "alarms_per_ten_minutes": {sensor: self.alarms_of(sensor) for sensor in MODALITIES},
            "met": self.met,
        }


def measure_detection(config: DetectionConfig) -> Iterator[ClipResult]:
    """Render the clips that are not there yet and run them; yields a result for each clip."""
    clips = config.clips
    parts = [
        (clip, list(range(place, config.runs, len(clips))), config.seed, config.folder)
        for place, clip in enumerate(clips)
    ]
    if config.jobs == 1:
        yield from map(_work, parts)
        return
    # Spawned, because a ray caster does not survive a fork.
    with ProcessPoolExecutor(config.jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_work, parts)


def _work(part: tuple[ClipConfig, list[int], int, Path | None]) -> ClipResult:
    config, numbers, seed, folder = part
    return run_clip(load_clip(config, folder), numbers, seed)


def summarise(config: DetectionConfig, results: Iterable[ClipResult]) -> Detection:
    """Return the figures of all clips together."""
    all_results = list(results)
    runs = [run for result in all_results for run in result.runs]
    alarms = [alarm for result in all_results for alarm in result.alarms]
    minutes = sum(result.seconds for result in all_results) / 60.0
    faults = tuple(
        _fault_row(sensor, kind, [r for r in runs if (r.sensor, r.kind) == (sensor, kind)])
        for sensor in MODALITIES
        for kind, sensors in KINDS.items()
        if sensor in sensors
    )
    counts = Counter((alarm.sensor, alarm.detector) for alarm in alarms)
    rows = tuple(
        AlarmRow(sensor, name, counts[sensor, name], 10.0 * counts[sensor, name] / minutes)
        for sensor in MODALITIES
        for name in SensorHealthConfig(sensor).detectors
    )
    return Detection(config, minutes, faults, rows, tuple(alarms))


def _fault_row(sensor: str, kind: str, runs: list[Run]) -> FaultRow:
    delays = [run.delay_ns / NS_PER_MS for run in runs if run.delay_ns is not None]
    detectors = Counter(name for run in runs for name in run.detectors)
    missed = Counter(run.clip.split("-")[0] for run in runs if run.delay_ns is None)
    enough = len(delays) * 100 >= WANTED_RUNS * len(runs)
    return FaultRow(
        sensor=sensor,
        fault=kind,
        runs=len(runs),
        detected=len(delays),
        detectors=dict(detectors.most_common()),
        delay_median_ms=statistics.median(delays) if delays else None,
        delay_max_ms=max(delays, default=None),
        missed=dict(missed),
        met=None if (sensor, kind) in OPEN else enough,
    )
