"""Which frames a simulated data set holds: a pure function of its seed and the frames' number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.errors import ConfigurationError
from anyseg_core.simulation import CONDITIONS, HELD_OUT_CONDITIONS, Fault, RigConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

SPLITS: tuple[str, ...] = ("train", "val", "test")

FRAMES_PER_SEQUENCE = 10
"""Frames of one drive; the next sequence goes through another street."""

FRAME_STEP_NS = 800_000_000
"""Time between two frames of a drive: 3 to 9 m, so that each shows another view."""

FAILURES: dict[str, tuple[str, str]] = {
    "motionblur": ("rgb", "motion_blur"),
    "overexposure": ("rgb", "over_exposure"),
    "underexposure": ("rgb", "under_exposure"),
    "lidarjitter": ("lidar", "lidar_jitter"),
    "eventlowres": ("event", "event_low_resolution"),
}
"""DELIVER's failure cases: the sensor that each befalls, and the fault's kind."""

_FIRST_NS = 1_000_000_000
_FAILING = 6
_MOST_SEQUENCES = 1_000_000
_LARGEST_SEED = 1_000_000_000
_SWEEP_LAGS_NS = (0, 25_000_000, 50_000_000)


@dataclass(frozen=True, slots=True)
class Sequence:
    """One drive through one street under one condition.

    Attributes:
        split: one of ``SPLITS``.
        street_seed: chooses street, traffic and noise; its remainder by 3 is the split's number,
            so that no street is in two splits, whatever the seeds of the data sets.
        condition: light and weather.
        failure: a name of ``FAILURES``, or empty where every sensor is sound.
        severity: the fault's, 0.4 to 1.
        speed_mps: the ego vehicle's mean speed.
        sweep_lag_ns: how much earlier than the images the LiDAR measures, as where sensors are
            not triggered together.
        frames: how many frames of the drive are wanted.
    """

    split: str
    street_seed: int
    condition: str
    failure: str
    severity: float
    speed_mps: float
    sweep_lag_ns: int
    frames: int

    @property
    def folder(self) -> str:
        """Name of the sequence's folder, as DELIVER's: the failure case is part of it."""
        ending = f"_{self.failure}" if self.failure else ""
        return f"MAP_{self.street_seed}_point1{ending}"

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What befalls the sensors, from the start of the drive to its end."""
        if not self.failure:
            return ()
        sensor, kind = FAILURES[self.failure]
        return (Fault(sensor, kind, 0, severity=self.severity),)

    def instants_ns(self) -> tuple[int, ...]:
        """Return the frames' times."""
        return tuple(_FIRST_NS + index * FRAME_STEP_NS for index in range(self.frames))

    def rig(self, width: int, height: int) -> RigConfig:
        """Return the rig that drives."""
        return RigConfig(
            seed=self.street_seed, width=width, height=height, condition=self.condition,
            ego_speed_mps=self.speed_mps,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class DatasetPlan:
    """What a data set holds. More frames only add to what fewer have.

    Conditions come in turn; every sixth sequence has a failure case. The test split has the
    held-out conditions as well, which the other two never see.

    Attributes:
        seed: 0 to 10**9.
        frames: of each split, 0 or more; a split that is not named has none.
        width: columns of all images.
        height: rows of all images.
        conditions: of the sequences, in turn; empty for each split's own.

    Raises:
        ConfigurationError: a value out of range, a held-out condition in train or val, or no
            frame at all.
    """

    seed: int
    frames: dict[str, int]
    width: int = 256
    height: int = 256
    conditions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check every value."""
        most = _MOST_SEQUENCES * FRAMES_PER_SEQUENCE
        counts = self.frames.values()
        if set(self.frames) - set(SPLITS) or not all(0 <= n <= most for n in counts):
            raise ConfigurationError(
                f"frames {self.frames}", f"0 to {most} for {', '.join(SPLITS)}", "correct them"
            )
        if not any(counts):
            raise ConfigurationError("no frame", "at least one", "ask for frames")
        if not 0 <= self.seed <= _LARGEST_SEED:
            raise ConfigurationError(f"seed {self.seed}", f"0 to {_LARGEST_SEED}", "choose another")
        held_out = set(self.conditions) & set(HELD_OUT_CONDITIONS)
        if held_out and (self.frames.get("train") or self.frames.get("val")):
            raise ConfigurationError(
                f"{', '.join(sorted(held_out))} in train or val",
                "held-out conditions in test alone",
                "leave them out, or ask for --split test",
            )
        for condition in self.conditions:
            RigConfig(condition=condition, width=self.width, height=self.height)

    def conditions_of(self, split: str) -> tuple[str, ...]:
        """Return the conditions of a split, in the order in which they come."""
        if self.conditions:
            return self.conditions
        return CONDITIONS + HELD_OUT_CONDITIONS if split == "test" else CONDITIONS

    def sequences(self) -> Iterator[Sequence]:
        """Yield every drive, split by split."""
        for split in SPLITS:
            failures = 0
            total = self.frames.get(split, 0)
            for index in range(-(-total // FRAMES_PER_SEQUENCE)):
                count = min(FRAMES_PER_SEQUENCE, total - index * FRAMES_PER_SEQUENCE)
                sequence = self._sequence(split, index, failures, count)
                failures += bool(sequence.failure)
                yield sequence

    def _sequence(self, split: str, index: int, failures: int, frames: int) -> Sequence:
        conditions = self.conditions_of(split)
        turn, place = divmod(index, len(conditions))
        failure = ""
        # Conditions and failure cases are not in step, so that each meets each.
        if (turn + place) % _FAILING == _FAILING - 1:
            names = tuple(FAILURES)
            failure = names[(failures + failures // len(names)) % len(names)]
        number = (self.seed * _MOST_SEQUENCES + index) * len(SPLITS) + SPLITS.index(split)
        rng = np.random.default_rng([number, 9])
        return Sequence(
            split, number, conditions[place], failure, float(rng.uniform(0.4, 1.0)),
            float(rng.uniform(4.0, 11.0)), int(rng.choice(_SWEEP_LAGS_NS)), frames,
        )  # fmt: skip
