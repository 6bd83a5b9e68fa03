"""Which sensors can be trusted: one pure function per fault, and a monitor with hysteresis."""

from anyseg_core.health.config import HealthConfig, SensorHealthConfig, Thresholds
from anyseg_core.health.detectors import DETECTORS
from anyseg_core.health.monitor import HealthMonitor
from anyseg_core.health.verdict import Action, Finding, HealthState, Verdict

__all__ = [
    "DETECTORS",
    "Action",
    "Finding",
    "HealthConfig",
    "HealthMonitor",
    "HealthState",
    "SensorHealthConfig",
    "Thresholds",
    "Verdict",
]
