"""Header stamps as integer nanoseconds."""

from __future__ import annotations

from typing import Any

from anyseg_core.errors import RecordError
from anyseg_core.types import NS_PER_S


def stamp_to_ns(stamp: Any) -> int:  # noqa: ANN401 - messages carry no type information
    """Return a stamp (``sec``, ``nanosec``) in nanoseconds.

    Raises:
        RecordError: the stamp is zero: the driver never set it, so it cannot be matched in time.
    """
    stamp_ns = time_to_ns(stamp)
    if stamp_ns <= 0:
        raise RecordError(
            f"stamp {stamp.sec}.{stamp.nanosec:09d}",
            "the time at which the sensor measured",
            "let the driver fill in header.stamp",
        )
    return stamp_ns


def time_to_ns(time: Any) -> int:  # noqa: ANN401 - as above
    """Return a builtin_interfaces/Time in nanoseconds, whatever it is."""
    return int(time.sec) * NS_PER_S + int(time.nanosec)
