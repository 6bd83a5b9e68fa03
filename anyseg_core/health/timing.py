"""Faults that the times tell: silence and stamps that make no sense."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyseg_core.health.detectors import finding

if TYPE_CHECKING:
    from anyseg_core.health.verdict import Finding

_CLOCK_REMEDY = "synchronise the clocks (PTP or NTP), or set use_sim_time for a recording"


def check_silence(silence_ns: int, timeout_ns: int) -> Finding | None:
    """Find a sensor from which nothing came for ``timeout_ns`` or longer."""
    if silence_ns < timeout_ns:
        return None
    return finding(
        "silence",
        silence_ns / 1e9,
        timeout_ns / 1e9,
        unit="s",
        message=f"nothing came for {silence_ns / 1e9:.2f} s",
        remedy="check power, cable and driver, the topic's name and its QoS",
    )


def check_stamp_zero(stamp_ns: int) -> Finding | None:
    """Find a stamp that was never set."""
    if stamp_ns != 0:
        return None
    return finding(
        "stamp_zero",
        0,
        0,
        unit="s",
        message="the stamp is zero",
        remedy="let the driver stamp its messages",
    )


def check_stamp_past(age_ns: int, max_age_s: float) -> Finding | None:
    """Find a stamp more than ``max_age_s`` behind now."""
    age_s = age_ns / 1e9
    if age_s <= max_age_s:
        return None
    message = f"the stamp is {age_s:.2f} s old"
    return finding(
        "stamp_past",
        age_s,
        max_age_s,
        unit="s",
        message=message,
        remedy=_CLOCK_REMEDY,
    )


def check_stamp_future(age_ns: int, max_lead_s: float) -> Finding | None:
    """Find a stamp more than ``max_lead_s`` ahead of now."""
    lead_s = -age_ns / 1e9
    if lead_s <= max_lead_s:
        return None
    message = f"the stamp is {lead_s:.2f} s in the future"
    return finding(
        "stamp_future", lead_s, max_lead_s, unit="s", message=message, remedy=_CLOCK_REMEDY
    )


def check_stamp_backward(step_ns: int, max_back_s: float) -> Finding | None:
    """Find a step back of the stamps from one reading to the next."""
    back_s = -step_ns / 1e9
    if back_s <= max_back_s:
        return None
    return finding(
        "stamp_backward",
        back_s,
        max_back_s,
        unit="s",
        message=f"the stamps went back by {back_s:.2f} s",
        remedy="see whether the sensor restarted or two publishers share the topic",
    )


def check_stamp_frozen(step_ns: int) -> Finding | None:
    """Find a stamp that is the same as the last one."""
    if step_ns != 0:
        return None
    return finding(
        "stamp_frozen",
        0,
        0,
        unit="s",
        message="the stamp is that of the last reading",
        remedy="restart the driver; see whether messages are sent twice",
    )
