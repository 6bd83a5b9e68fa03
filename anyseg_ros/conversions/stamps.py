"""Integer nanoseconds as header stamps."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from anyseg_core.types import NS_PER_S


def header_of(stamp_ns: int, frame_id: str) -> Header:
    """Return a header with this stamp and frame."""
    seconds, nanoseconds = divmod(stamp_ns, NS_PER_S)
    return Header(stamp=Time(sec=seconds, nanosec=nanoseconds), frame_id=frame_id)
