"""Status per frame and /diagnostics (REP 107): what was used, and why the rest was not."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from anyseg_core.health import HealthState, Verdict
from anyseg_core.pipeline import EXCLUDED_BY_HAND
from anyseg_core.segmentation import Segmentation, SensorReport, subset_letters
from anyseg_core.types import NS_PER_MS
from anyseg_ros.conversions.stamps import header_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from anyseg_ros.rejections import Rejection
    from anyseg_ros.usage import Usage


_LEVELS = {
    HealthState.OK: DiagnosticStatus.OK,
    HealthState.DEGRADED: DiagnosticStatus.WARN,
    HealthState.RECOVERING: DiagnosticStatus.WARN,
    HealthState.UNKNOWN: DiagnosticStatus.STALE,
    HealthState.FAILED: DiagnosticStatus.ERROR,
}


@dataclass(frozen=True, slots=True)
class Throughput:
    """What the node did since it was activated.

    Attributes:
        published: masks.
        dropped: frames that were overtaken by newer ones.
        rate_hz: masks a second of late.
        latency_ns: from the stamp of the last mask to its publication.
        resets: how often the synchroniser forgot everything and began anew.
        last_reset: why it did so last.
    """

    published: int
    dropped: int
    rate_hz: float
    latency_ns: int
    resets: int = 0
    last_reset: str = ""


def frame_status(
    node_name: str, result: Segmentation, latency_ns: int, network_ns: int, dropped: int
) -> DiagnosticArray:
    """Return the status of one frame, stamped as the frame: one entry for it, one per sensor.

    Args:
        node_name: stands before every entry's name.
        result: the frame.
        latency_ns: from its stamp to its publication.
        network_ns: what the network took of that.
        dropped: frames that were overtaken since the node was activated.
    """
    used = result.used
    frame = _status(
        f"{node_name}: frame",
        DiagnosticStatus.OK if used else DiagnosticStatus.ERROR,
        f"used {subset_letters(used)}" if used else "no sensor could be used: mask is unlabelled",
        {
            "used": ",".join(used),
            "reference": result.reference,
            "latency_ms": _ms(latency_ns),
            "network_ms": _ms(network_ns),
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
    *,
    excluded: Collection[str] = (),
    incompatible: Mapping[str, str] = MappingProxyType({}),
    usage: Mapping[str, Usage] = MappingProxyType({}),
) -> DiagnosticArray:
    """Return the node's part of /diagnostics: throughput, each sensor's health, inputs.

    Args:
        node_name: stands before every entry's name.
        now_ns: the stamp.
        throughput: what the node did.
        verdicts: by sensor, what the health monitor thinks of it.
        rejections: by input, messages that were left out of late.
        publishers: by topic, how many there are.
        excluded: sensors left out by hand.
        incompatible: by topic, publishers that cannot reach the node, and the policy at fault.
        usage: by sensor, what became of it in the masks since the last time.
    """
    entries = [_throughput_status(node_name, throughput)]
    entries += [
        _health_status(
            node_name, verdict, rejections.get(name), usage.get(name), by_hand=name in excluded
        )
        for name, verdict in verdicts.items()
    ]
    entries += [
        _rejection_status(node_name, name, rejected)
        for name, rejected in rejections.items()
        if name not in verdicts
    ]
    entries.append(_inputs_status(node_name, publishers, incompatible))
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
    node_name: str,
    verdict: Verdict,
    rejected: Rejection | None,
    usage: Usage | None,
    *,
    by_hand: bool,
) -> DiagnosticStatus:
    level = _LEVELS[verdict.state]
    message = "; ".join(finding.message for finding in verdict.findings) or str(verdict.state)
    by_health = verdict.state is not HealthState.UNKNOWN and not verdict.usable
    values = {
        "state": str(verdict.state),
        "excluded": "by hand" if by_hand else "by health" if by_health else "no",
        **_finding_values(verdict),
    }
    if usage is not None:
        values["used"] = f"in {usage.used} of {usage.masks} masks"
        values["left_out"] = usage.reason
        if verdict.usable and not by_hand and not usage.used:
            message = f"sound, and in no mask of late: {usage.reason}"
            level = max(level, DiagnosticStatus.WARN)
    if by_hand:
        service = f"~/exclude/{verdict.sensor}"
        values["excluded.remedy"] = f"call the service {service} with data: false to admit it again"
        message = f"{EXCLUDED_BY_HAND}; {message}"
        level = max(level, DiagnosticStatus.WARN)
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
            "resets": str(throughput.resets),
            "last_reset": throughput.last_reset,
        },
    )


def _inputs_status(
    node_name: str, publishers: Mapping[str, int], incompatible: Mapping[str, str]
) -> DiagnosticStatus:
    missing = [topic for topic, count in publishers.items() if not count]
    problems = [f"no publisher on {', '.join(missing)}"] if missing else []
    values = {topic: str(count) for topic, count in publishers.items()}
    for topic, words in incompatible.items():
        problems.append(f"a publisher on {topic} with other QoS: nothing comes from it")
        values[f"{topic}.incompatible"] = words
        values[f"{topic}.remedy"] = (
            f"set qos_overrides.{topic}.subscription.* to what the publisher offers, or change it"
        )
    return _status(
        f"{node_name}: inputs",
        DiagnosticStatus.WARN if problems else DiagnosticStatus.OK,
        "; ".join(problems) or "every topic has a publisher",
        values,
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
