"""Seeded runs of one clip: when the health monitor notices a fault, and when there is none."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.health import HealthConfig, HealthMonitor, SensorHealthConfig
from anyseg_core.simulation.faults import KINDS, Fault, FaultInjector
from anyseg_core.types import MODALITIES, NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyseg_core.benchmark.clips import Clip


LEARNING_NS = 4 * NS_PER_S
"""Faults begin no sooner after a clip's start: baselines are learned by then."""

PATIENCE_NS = 5 * NS_PER_S
"""A fault that is not noticed within so long is missed."""


@dataclass(frozen=True, slots=True)
class Run:
    """One fault put into one clip at one moment.

    Attributes:
        sensor: whose fault.
        kind: of fault, one of ``KINDS``.
        clip: name of the clip.
        onset_ns: when it began, since the clip's start.
        detectors: those that noticed it first; empty where none did.
        delay_ns: from its beginning until then; None where none did.
    """

    sensor: str
    kind: str
    clip: str
    onset_ns: int
    detectors: tuple[str, ...]
    delay_ns: int | None


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """A finding in a clean stream: whose, by which detector, in which clip and when in it."""

    sensor: str
    detector: str
    clip: str
    t_ns: int
    value: float
    threshold: float


@dataclass(frozen=True, slots=True)
class ClipResult:
    """What came of one clip: ``seconds`` of clean stream of each sensor, and the runs."""

    seconds: float
    alarms: tuple[FalseAlarm, ...]
    runs: tuple[Run, ...]


def draw_onsets(clip_seconds: int, numbers: Sequence[int], seed: int) -> list[tuple[int, int]]:
    """Return when each of the numbered runs' faults begin, in order of time, and its number."""
    last_ns = clip_seconds * NS_PER_S - PATIENCE_NS
    onsets = [
        (int(np.random.default_rng([seed, number]).integers(LEARNING_NS, last_ns)), number)
        for number in numbers
    ]
    return sorted(onsets)


def run_clip(clip: Clip, numbers: Sequence[int], seed: int,
             kinds: Sequence[str] = tuple(KINDS)) -> ClipResult:  # fmt: skip
    """Watch a clip with nothing wrong, and with each kind of fault once for each number.

    Args:
        clip: at least ``LEARNING_NS`` and ``PATIENCE_NS`` long.
        numbers: of the runs; a number and the seed choose the onset and the fault's draws.
        seed: of all runs.
        kinds: the faults to inject.
    """
    onsets = draw_onsets(clip.config.seconds, numbers, seed)
    alarms: list[FalseAlarm] = []
    runs: list[Run] = []
    for sensor in MODALITIES:
        faults = [kind for kind in kinds if sensor in KINDS[kind]]
        found, done = _watch(clip, sensor, onsets, faults)
        alarms += found
        runs += done
    return ClipResult(clip.config.seconds, tuple(alarms), tuple(runs))


def _watch(clip: Clip, sensor: str, onsets: Sequence[tuple[int, int]],
           kinds: Sequence[str]) -> tuple[list[FalseAlarm], list[Run]]:  # fmt: skip
    """Run a sensor's clean stream once; at each onset, branch off once for each fault."""
    monitor = HealthMonitor(HealthConfig({sensor: SensorHealthConfig(sensor)}))
    alarms: list[FalseAlarm] = []
    runs: list[Run] = []
    standing: frozenset[str] = frozenset()
    waiting = list(onsets)
    for index in range(clip.count(sensor)):
        now_ns, record = clip.reading(sensor, index)
        while waiting and waiting[0][0] <= now_ns and index > 0:
            onset_ns, number = waiting.pop(0)
            for kind in kinds:
                fault = Fault(sensor, kind, onset_ns)
                branch = copy.deepcopy(monitor)
                runs.append(_run(clip, branch, fault, index, number, standing))
        monitor.observe(sensor, record, now_ns)
        findings = monitor.verdicts(now_ns)[sensor].findings
        alarms += [
            FalseAlarm(sensor, f.detector, clip.config.name, now_ns, f.value, f.threshold)
            for f in findings
            if f.detector not in standing
        ]
        standing = frozenset(finding.detector for finding in findings)
    return alarms, runs


def _run(clip: Clip, monitor: HealthMonitor, fault: Fault, index: int, number: int,
         standing: frozenset[str]) -> Run:  # fmt: skip
    """Go on from reading ``index`` with the fault; findings that stood before do not count."""
    sensor, onset_ns = fault.sensor, fault.start_ns
    injector = FaultInjector([fault], number)
    before_ns, before = clip.reading(sensor, index - 1)
    injector.apply(sensor, before, before_ns)
    for later in range(index, clip.count(sensor)):
        now_ns, record = clip.reading(sensor, later)
        if now_ns > onset_ns + PATIENCE_NS:
            break
        for out in injector.apply(sensor, record, now_ns):
            monitor.observe(sensor, out, now_ns)
        findings = monitor.verdicts(now_ns)[sensor].findings
        names = tuple(f.detector for f in findings if f.detector not in standing)
        if names:
            return Run(sensor, fault.kind, clip.config.name, onset_ns, names, now_ns - onset_ns)
        standing = standing & {finding.detector for finding in findings}
    return Run(sensor, fault.kind, clip.config.name, onset_ns, (), None)
