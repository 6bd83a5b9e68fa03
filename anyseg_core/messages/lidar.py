"""sensor_msgs/PointCloud2 to a LiDAR sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.errors import RecordError
from anyseg_core.messages.clouds import structured_cloud
from anyseg_core.messages.stamps import stamp_to_ns
from anyseg_core.types import NS_PER_S, LidarRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

_INTENSITY_NAMES = ("intensity", "i", "reflectivity", "reflectance")
"""What drivers call the returned strength, in the order in which it is looked for."""

_TIME_NAMES = ("t", "time", "timestamp", "time_stamp", "offset_time")
"""What drivers call the time of a point: Ouster, Velodyne, Hesai and RoboSense, Autoware, Livox."""

_ABSOLUTE_S = 1e6
_ABSOLUTE_NS = 1e14
"""From these on, a floating time is no offset but counts seconds or nanoseconds since 1970."""


def lidar_record(message: Any) -> LidarRecord:  # noqa: ANN401 - messages carry no type information
    """Return a sweep as float32 [N, 4]: x, y, z and intensity (0 where the driver gives none).

    Where the cloud has a field of the points' times (t, time, timestamp, time_stamp or
    offset_time), they are kept: integers count nanoseconds from the header's stamp, floating
    numbers seconds from it, or since 1970 where they are that large (float64; above 1e14 they are
    nanoseconds, as Livox writes them).

    Raises:
        RecordError: no x, y, z, no points at all, or bytes that do not add up.
    """
    cloud = structured_cloud(message, required=("x", "y", "z"))
    if not cloud.size:
        raise RecordError(
            "a point cloud without points", "at least one point", "check the LiDAR and its filters"
        )
    names = cloud.dtype.names or ()
    intensity = next((name for name in _INTENSITY_NAMES if name in names), None)
    points = np.zeros((cloud.size, 4), np.float32)
    for column, name in enumerate(("x", "y", "z", intensity)):
        if name is not None:
            points[:, column] = cloud[name]
    # by column: ten times as fast as by row
    x, y, z = (np.isfinite(points[:, column]) for column in range(3))
    if not (x & y & z).any():
        raise RecordError(
            f"a point cloud whose {cloud.size} points are all NaN or Inf",
            "at least one point with finite x, y, z",
            "check that the LiDAR's window is clear",
        )
    stamp_ns = stamp_to_ns(message.header.stamp)
    times = next((cloud[name] for name in _TIME_NAMES if name in names), None)
    return LidarRecord(
        stamp_ns,
        message.header.frame_id,
        points,
        None if times is None else _point_times(times, stamp_ns),
    )


def _point_times(times: NDArray[Any], stamp_ns: int) -> NDArray[np.int64]:
    """Return the points' times int64 [N] on the stamp's clock; one without a time has the stamp."""
    if times.dtype.kind != "f":
        return stamp_ns + times.astype(np.int64)
    values = times.astype(np.float64)
    known = np.isfinite(values)
    largest = float(np.abs(values[known]).max(initial=0.0))
    start_ns, unit_ns = (0, NS_PER_S) if largest > _ABSOLUTE_S else (stamp_ns, NS_PER_S)
    if largest > _ABSOLUTE_NS:
        unit_ns = 1
    # a float64 of today's nanoseconds is 256 of them apart, less than a point's beam moves
    offsets_ns = np.rint(np.where(known, values, 0.0) * unit_ns)
    in_range = known & (np.abs(offsets_ns) < 2**62)
    return np.where(
        in_range, start_ns + np.where(in_range, offsets_ns, 0).astype(np.int64), stamp_ns
    )
