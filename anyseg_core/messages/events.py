"""Events that come as points or as lists: PointCloud2, dvs_msgs and prophesee_event_msgs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.messages.clouds import structured_cloud
from anyseg_core.messages.stamps import stamp_to_ns, time_to_ns
from anyseg_core.types import NS_PER_S, EventArray, EventRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray


def event_record(message: Any, width: int, height: int) -> EventRecord:  # noqa: ANN401 - a message
    """Return events given as points of a PointCloud2 with fields x, y, t and p.

    An integer ``t`` counts nanoseconds from the header's stamp, a floating one seconds.

    Args:
        message: the cloud.
        width: columns of the event camera, in pixels.
        height: rows of the event camera, in pixels.

    Raises:
        RecordError: a field is missing, or the bytes do not add up.
    """
    cloud = structured_cloud(message, required=("x", "y", "t", "p"))
    stamp_ns = stamp_to_ns(message.header.stamp)
    offset = cloud["t"]
    if offset.dtype.kind == "f":
        offset = np.nan_to_num(offset * NS_PER_S)
    events = EventArray(
        x=_pixels(cloud["x"]),
        y=_pixels(cloud["y"]),
        t_ns=stamp_ns + offset.astype(np.int64),
        p=(cloud["p"] > 0).astype(np.uint8),
    )
    return EventRecord(stamp_ns, message.header.frame_id, events, width, height)


def event_array_record(message: Any) -> EventRecord:  # noqa: ANN401 - as above
    """Return the events of a dvs_msgs/EventArray or prophesee_event_msgs/EventArray.

    Both are lists of x, y, ts and polarity, with times on the header's clock. The record's stamp
    is the first event's time, since drivers differ in which event the header speaks of.

    Raises:
        RecordError: a stamp of zero.
    """
    listed = message.events
    count = len(listed)
    events = EventArray(
        x=np.fromiter((event.x for event in listed), np.uint16, count),
        y=np.fromiter((event.y for event in listed), np.uint16, count),
        t_ns=np.fromiter((time_to_ns(event.ts) for event in listed), np.int64, count),
        p=np.fromiter((bool(event.polarity) for event in listed), np.uint8, count),
    )
    stamp_ns = stamp_to_ns(listed[0].ts if count else message.header.stamp)
    return EventRecord(
        stamp_ns, message.header.frame_id, events, int(message.width), int(message.height)
    )


def _pixels(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Return coordinates as uint16; what no sensor can have becomes 65535, off every image."""
    if values.dtype == np.uint16:
        return np.array(values, np.uint16)
    inside = (values >= 0) & (values < 65535)
    return np.where(inside, values, 65535).astype(np.uint16)
