"""Health of all sensors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from anyseg_core.errors import ConfigurationError
from anyseg_core.health.config import HealthConfig
from anyseg_core.health.sensor import SensorHealth
from anyseg_core.health.stillness import excuse_stillness

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyseg_core.health.verdict import Action, Verdict
    from anyseg_core.types import Record

CLOCK_BACK_NS = 1_000_000_000
"""A clock that goes back by more is that of a recording that starts again."""


class HealthMonitor:
    """Watches the configured sensors, reading by reading.

    It reads no clock: all times are the caller's, who must not mix clocks. A clock that stands
    still changes nothing; one that goes back by more than a second starts the monitor afresh.

    Args:
        config: the sensors and their limits.
    """

    def __init__(self, config: HealthConfig) -> None:
        self._config = config
        self.reset()

    def observe(self, sensor: str, record: Record, now_ns: int) -> None:
        """Look at one reading of ``sensor``.

        Raises:
            ConfigurationError: the sensor is not configured.
            RecordError: the record is not of the sensor's modality.
        """
        self._advance(now_ns)
        health = self._sensors.get(sensor)
        if health is None:
            raise ConfigurationError(
                f"a reading of sensor {sensor!r}",
                f"one of {', '.join(self._sensors)}",
                "configure the sensor's health",
            )
        health.observe(record, now_ns)

    def verdicts(self, now_ns: int) -> dict[str, Verdict]:
        """Return the verdict on each configured sensor at ``now_ns``.

        A sensor that repeats itself is excluded only while another one shows that the world goes
        on: where all repeat, the world or a simulation stands still, and none is at fault.
        """
        self._advance(now_ns)
        verdicts = {name: health.verdict(now_ns) for name, health in self._sensors.items()}
        if any(health.moving(now_ns) for health in self._sensors.values()):
            return verdicts
        return {name: excuse_stillness(verdict) for name, verdict in verdicts.items()}

    def set_actions(self, actions: Mapping[str, Mapping[str, Action]]) -> None:
        """Let other actions follow from findings from now on.

        Args:
            actions: by sensor and detector; what is not named gets the detector's default.

        Raises:
            ConfigurationError: a detector that does not look at the sensor, or no action.
        """
        sensors = {
            name: replace(config, actions=dict(actions.get(name, {})))
            for name, config in self._config.sensors.items()
        }
        self._config = HealthConfig(sensors)
        for name, health in self._sensors.items():
            health.set_actions(sensors[name].actions)

    def reset(self) -> None:
        """Forget all readings, faults and baselines."""
        self._sensors = {
            name: SensorHealth(name, config) for name, config in self._config.sensors.items()
        }
        self._now_ns: int | None = None

    def _advance(self, now_ns: int) -> None:
        if self._now_ns is not None and now_ns < self._now_ns - CLOCK_BACK_NS:
            self.reset()
        self._now_ns = now_ns if self._now_ns is None else max(self._now_ns, now_ns)
