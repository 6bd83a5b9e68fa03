"""Status per frame and /diagnostics (REP 107): what was used, and why the rest was not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from anyseg_core.health import HealthState, Verdict
from anyseg_core.pipeline import Segmentation, SensorReport, subset_letters
from anyseg_ros.conversions.stamps import header_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyseg_ros.rejections import Rejection

NS_PER_MS = 1_000_000

_LEVELS = {
    HealthState.OK: DiagnosticStatus.OK,
    HealthState.DEGRADED: DiagnosticStatus.WARN,
    HealthState.RECOVERING: DiagnosticStatus.WARN,
    HealthState.UNKNOWN: DiagnosticStatus.STALE,
    HealthState.FAILED: DiagnosticStatus.ERROR,
}


@dataclass(frozen=True, slots=True)
class Throughput:
    """What the node did since it was activated."""

    published: int
    dropped: int
    rate_hz: float
    latency_ns: int


def frame_status(
    node_name: str, result: Segmentation, latency_ns: int, dropped: int
) -> DiagnosticArray:
    """Return the status of one frame, stamped as the frame: one entry for it, one per sensor."""
    used = result.used
    frame = _status(
        f"{node_name}: frame",
        DiagnosticStatus.OK if used else DiagnosticStatus.ERROR,
        f"used {subset_letters(used)}" if used else "no sensor could be used: mask is unlabelled",
        {
            "used": ",".join(used),
            "reference": result.reference,
            "latency_ms": _ms(latency_ns),
            "dropped": str(dropped),
            **{f"weight.{name}": f"{weight:.3f}" for name, weight in result.weights.items()},
        },
    )
    sensors = [_sensor_status(node_name, report) for report in result.sensors]
    return DiagnosticArray(
        header=header_of(result.stamp_ns, result.frame_id), status=[frame, *sensors]
    )


def diagnostics(
    node_name: str,
    now_ns: int,
    throughput: Throughput,
    verdicts: Mapping[str, Verdict],
    rejections: Mapping[str, Rejection],
    publishers: Mapping[str, int],
) -> DiagnosticArray:
    """Return the node's entry in /diagnostics: throughput, inputs, and each sensor's health."""
    entries = [_throughput_status(node_name, throughput)]
    entries += [
        _health_status(node_name, verdict, rejections.get(name))
        for name, verdict in verdicts.items()
    ]
    entries += [
        _rejection_status(node_name, name, rejected)
        for name, rejected in rejections.items()
        if name not in verdicts
    ]
    entries.append(_inputs_status(node_name, publishers))
    return DiagnosticArray(header=header_of(now_ns, ""), status=entries)


def _sensor_status(node_name: str, report: SensorReport) -> DiagnosticStatus:
    values = {
        "used": str(report.used).lower(),
        "state": str(report.verdict.state),
        "reason": report.reason,
        "age_ms": _ms(report.age_ns),
        "skew_ms": _ms(report.skew_ns),
        **_finding_values(report.verdict),
    }
    level = DiagnosticStatus.ERROR
    if report.used:
        level = _LEVELS[report.verdict.state]
    return _status(
        f"{node_name}: {report.sensor}", level, report.reason or str(report.verdict.state), values
    )


def _health_status(
    node_name: str, verdict: Verdict, rejected: Rejection | None
) -> DiagnosticStatus:
    level = _LEVELS[verdict.state]
    message = "; ".join(finding.message for finding in verdict.findings) or str(verdict.state)
    values = {"state": str(verdict.state), **_finding_values(verdict)}
    if rejected is not None:
        values |= _rejection_values(rejected)
        message = f"{message}; message left out: {rejected.last}"
        level = max(level, DiagnosticStatus.WARN)
    return _status(f"{node_name}: {verdict.sensor}", level, message, values)


def _rejection_status(node_name: str, name: str, rejected: Rejection) -> DiagnosticStatus:
    return _status(
        f"{node_name}: {name}",
        DiagnosticStatus.WARN,
        f"message left out: {rejected.last}",
        _rejection_values(rejected),
    )


def _throughput_status(node_name: str, throughput: Throughput) -> DiagnosticStatus:
    silent = throughput.rate_hz == 0
    return _status(
        f"{node_name}: segmentation",
        DiagnosticStatus.WARN if silent else DiagnosticStatus.OK,
        "no masks: no reference sensor is alive" if silent else f"{throughput.rate_hz:.1f} Hz",
        {
            "published": str(throughput.published),
            "dropped": str(throughput.dropped),
            "rate_hz": f"{throughput.rate_hz:.2f}",
            "latency_ms": _ms(throughput.latency_ns),
        },
    )


def _inputs_status(node_name: str, publishers: Mapping[str, int]) -> DiagnosticStatus:
    missing = [topic for topic, count in publishers.items() if not count]
    return _status(
        f"{node_name}: inputs",
        DiagnosticStatus.WARN if missing else DiagnosticStatus.OK,
        f"no publisher on {', '.join(missing)}" if missing else "every topic has a publisher",
        {topic: str(count) for topic, count in publishers.items()},
    )


def _finding_values(verdict: Verdict) -> dict[str, str]:
    values = {}
    for finding in verdict.findings:
        values[f"{finding.detector}.value"] = f"{finding.value:g} {finding.unit}".strip()
        values[f"{finding.detector}.threshold"] = f"{finding.threshold:g} {finding.unit}".strip()
        values[f"{finding.detector}.remedy"] = finding.remedy
    return values


def _rejection_values(rejected: Rejection) -> dict[str, str]:
    return {
        "rejected": str(rejected.count),
        "got": rejected.last.got,
        "wanted": rejected.last.wanted,
        "do": rejected.last.do,
    }


def _status(name: str, level: bytes, message: str, values: Mapping[str, str]) -> DiagnosticStatus:
    return DiagnosticStatus(
        level=level,
        name=name,
        message=message,
        hardware_id="anyseg",
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )


def _ms(duration_ns: int | None) -> str:
    return "" if duration_ns is None else f"{duration_ns / NS_PER_MS:.1f}"
