"""Header stamps as integer nanoseconds and back."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from anyseg_core.errors import RecordError

NS_PER_S = 1_000_000_000


def stamp_to_ns(stamp: Time) -> int:
    """Return a stamp in nanoseconds.

    Raises:
        RecordError: the stamp is zero: the driver never set it, so it cannot be matched in time.
    """
    stamp_ns = int(stamp.sec) * NS_PER_S + int(stamp.nanosec)
    if stamp_ns <= 0:
        raise RecordError(
            f"stamp {stamp.sec}.{stamp.nanosec:09d}",
            "the time at which the sensor measured",
            "let the driver fill in header.stamp",
        )
    return stamp_ns


def header_of(stamp_ns: int, frame_id: str) -> Header:
    """Return a header with this stamp and frame."""
    seconds, nanoseconds = divmod(stamp_ns, NS_PER_S)
    return Header(stamp=Time(sec=seconds, nanosec=nanoseconds), frame_id=frame_id)
