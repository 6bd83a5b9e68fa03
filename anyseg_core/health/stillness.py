"""A world that stands still, told from a sensor that does."""

from __future__ import annotations

from dataclasses import replace

from anyseg_core.health.verdict import Action, Finding, HealthState, Verdict

FROZEN = frozenset({"rgb_frozen", "depth_frozen", "lidar_frozen", "event_frozen"})


def excuse_stillness(verdict: Verdict) -> Verdict:
    """Return the verdict with repeated readings as a warning, not as a reason for exclusion."""
    findings = tuple(_as_warning(finding) for finding in verdict.findings)
    if findings == verdict.findings:
        return verdict
    if any(finding.action is Action.EXCLUDE for finding in findings):
        return replace(verdict, findings=findings)
    return replace(verdict, findings=findings, state=HealthState.DEGRADED)


def _as_warning(finding: Finding) -> Finding:
    if finding.detector not in FROZEN or finding.action is not Action.EXCLUDE:
        return finding
    return replace(finding, action=Action.WARN)
