"""Health of one sensor: its detectors, each behind its latch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from anyseg_core.errors import RecordError
from anyseg_core.health import timing
from anyseg_core.health.depth import DepthInspector
from anyseg_core.health.detectors import DETECTORS
from anyseg_core.health.event import EventInspector
from anyseg_core.health.hysteresis import Latch
from anyseg_core.health.lidar import LidarInspector
from anyseg_core.health.rgb import RgbInspector
from anyseg_core.health.rhythm import Rhythm
from anyseg_core.health.verdict import Action, Finding, HealthState, Verdict
from anyseg_core.types import (
    DepthRecord,
    EventFrameRecord,
    EventRecord,
    LidarRecord,
    Record,
    RgbRecord,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anyseg_core.health.config import SensorHealthConfig, Thresholds
    from anyseg_core.health.inspector import Inspector, Results

_RECORDS: dict[str, tuple[type, ...]] = {
    "rgb": (RgbRecord,),
    "depth": (DepthRecord,),
    "event": (EventRecord, EventFrameRecord),
    "lidar": (LidarRecord,),
}
_INSPECTORS: dict[str, Callable[[Thresholds], Inspector[Any]]] = {
    "rgb": RgbInspector,
    "depth": DepthInspector,
    "event": EventInspector,
    "lidar": LidarInspector,
}


class SensorHealth:
    """Watches one sensor."""

    def __init__(self, name: str, config: SensorHealthConfig) -> None:
        self._name = name
        self._config = config
        self._inspector = _INSPECTORS[config.modality](config.thresholds)
        self._rhythm = Rhythm(config.thresholds)
        self._latches = {
            detector: self._latch(detector)
            for detector in config.detectors
            if config.action(detector) is not Action.IGNORE
        }
        self._readings = 0
        self._last_now_ns: int | None = None
        self._last_stamp_ns: int | None = None

    def set_actions(self, actions: Mapping[str, Action]) -> None:
        """Let other actions follow from findings, those that hold now included."""
        self._config = replace(self._config, actions=dict(actions))
        for detector in self._config.detectors:
            action = self._config.action(detector)
            if action is Action.IGNORE:
                self._latches.pop(detector, None)
                continue
            latch = self._latches.setdefault(detector, self._latch(detector))
            latch.finding = self._with_action(latch.finding)

    def _latch(self, detector: str) -> Latch:
        needed = DETECTORS[detector].bad_readings or self._config.bad_readings
        return Latch(needed, self._config.good_readings)

    def observe(self, record: Record, now_ns: int) -> None:
        """Look at one reading."""
        if not isinstance(record, _RECORDS[self._config.modality]):
            raise RecordError(
                f"{type(record).__name__} from sensor {self._name!r}",
                " or ".join(each.__name__ for each in _RECORDS[self._config.modality]),
                "correct the sensor's modality or its topic",
            )
        # A silence that nobody looked at still has to be recovered from.
        self._check_silence(now_ns)
        self._update({"silence": None})
        self._update(self._check_times(record.stamp_ns, now_ns))
        self._update(self._inspector.inspect(record))
        self._readings += 1
        self._last_now_ns = now_ns
        self._last_stamp_ns = record.stamp_ns

    def moving(self, now_ns: int) -> bool:
        """Whether the sensor is live and its last two readings differ."""
        last = self._last_now_ns
        live = last is not None and now_ns - last < self._config.timeout_ns
        return live and self._inspector.moving

    def verdict(self, now_ns: int) -> Verdict:
        """Return the state at ``now_ns``."""
        self._check_silence(now_ns)
        latched = [latch for latch in self._latches.values() if latch.finding is not None]
        order = [self._latches[name] for name in self._config.detectors if name in self._latches]
        findings = tuple(latch.finding for latch in order if latch.finding is not None)
        return Verdict(self._name, self._state(latched), findings, has_data=self._readings > 0)

    def _state(self, latched: list[Latch]) -> HealthState:
        excluding = [
            latch for latch in latched if latch.finding and latch.finding.action is Action.EXCLUDE
        ]
        if excluding:
            better = all(latch.good > 0 for latch in excluding)
            return HealthState.RECOVERING if better else HealthState.FAILED
        if latched:
            return HealthState.DEGRADED
        known = self._readings >= self._config.good_readings
        return HealthState.OK if known else HealthState.UNKNOWN

    def _check_silence(self, now_ns: int) -> None:
        if self._last_now_ns is not None:
            silence_ns = now_ns - self._last_now_ns
            found = timing.check_silence(silence_ns, self._config.timeout_ns)
            if found is not None:
                self._update({"silence": found})

    def _check_times(self, stamp_ns: int, now_ns: int) -> Results:
        limits = self._config.thresholds
        zero = timing.check_stamp_zero(stamp_ns)
        results: Results = {"stamp_zero": zero}
        if zero is None:
            age_ns = now_ns - stamp_ns
            results["stamp_past"] = timing.check_stamp_past(age_ns, limits.stamp_past_s)
            results["stamp_future"] = timing.check_stamp_future(age_ns, limits.stamp_future_s)
        if self._last_stamp_ns is not None:
            step_ns = stamp_ns - self._last_stamp_ns
            results["stamp_backward"] = timing.check_stamp_backward(
                step_ns, limits.stamp_backward_s
            )
            results["stamp_frozen"] = timing.check_stamp_frozen(step_ns)
            results |= self._rhythm.inspect(step_ns)
        return results

    def _update(self, results: Results) -> None:
        for detector, found in results.items():
            latch = self._latches.get(detector)
            if latch is not None:
                latch.update(self._with_action(found))

    def _with_action(self, found: Finding | None) -> Finding | None:
        if found is None:
            return None
        action = self._config.action(found.detector)
        return found if action is found.action else replace(found, action=action)
