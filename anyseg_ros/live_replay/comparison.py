"""The masks of the running node held against the replay's, frame by frame, with the cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyseg_core.types import NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anyseg_core.replay.timeline import FrameRow, SensorMoment
    from anyseg_ros.live_replay.recorder import LiveFrame

EQUAL = "equal"
OTHER_SENSORS = "other_sensors"
OTHER_READINGS = "other_readings"
OTHER_PIXELS = "other_pixels"
OVERTAKEN = "overtaken"
ONLY_OFFLINE = "only_offline"
ONLY_LIVE = "only_live"

MEANINGS = {
    EQUAL: "the same mask, bit for bit",
    OTHER_SENSORS: "made from other sensors",
    OTHER_READINGS: "made from the same sensors, but from another reading of one",
    OTHER_PIXELS: "made from the same readings, with other pixels",
    OVERTAKEN: "overtaken by a newer frame while the network was at work",
    ONLY_OFFLINE: "no mask of the running node",
    ONLY_LIVE: "no mask of the replay",
}
"""What can become of a frame, in words."""

_SAME_MS = 0.11
"""The node tells a skew with one digit after the point."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One frame.

    Attributes:
        stamp_ns: the reference reading's stamp.
        outcome: one of ``MEANINGS``.
        why: the cause, in words; empty where the masks are equal.
    """

    stamp_ns: int
    outcome: str
    why: str


def compare(offline: Sequence[FrameRow], live: Sequence[LiveFrame], dropped: int) -> list[Compared]:
    """Return what became of every frame, by their stamps.

    Args:
        offline: the frames of the replay.
        live: the masks of the running node.
        dropped: how many frames were overtaken in the running node, all in all.
    """
    played = {frame.stamp_ns: frame for frame in live}
    rows = {row.stamp_ns: row for row in offline}
    compared = {
        stamp_ns: _both(rows[stamp_ns], frame) if stamp_ns in rows else _only_live(frame)
        for stamp_ns, frame in played.items()
    }
    compared |= {one.stamp_ns: one for one in _missing(rows, live, dropped)}
    return [compared[stamp_ns] for stamp_ns in sorted(compared)]


def _both(row: FrameRow, frame: LiveFrame) -> Compared:
    used = tuple(name for name, moment in row.sensors.items() if moment.used)
    if set(used) != set(frame.used):
        return Compared(row.stamp_ns, OTHER_SENSORS, _other_sensors(row, frame))
    if row.labels_sha256 == frame.labels_sha256:
        return Compared(row.stamp_ns, EQUAL, "")
    for name in used:
        skew_ms = _skew_ms(row.sensors[name])
        other_ms = frame.skews_ms.get(name)
        if skew_ms is not None and other_ms is not None and abs(skew_ms - other_ms) > _SAME_MS:
            why = f"a reading of {name} came in time for one of the two alone"
            return Compared(row.stamp_ns, OTHER_READINGS, why)
    if "event" in used:
        why = "event packets, or the runtime's arithmetic"
    else:
        why = "the runtime's arithmetic"
    return Compared(row.stamp_ns, OTHER_PIXELS, why)


def _other_sensors(row: FrameRow, frame: LiveFrame) -> str:
    words = []
    for name, moment in row.sensors.items():
        if moment.used and name not in frame.used:
            words.append(f"{name} not used live: {frame.reasons.get(name, 'not told')}")
        elif not moment.used and name in frame.used:
            words.append(f"{name} used live, not in the replay: {moment.reason}")
    return "; ".join(words)


def _only_live(frame: LiveFrame) -> Compared:
    why = f"{frame.reference} gave this instant in the running node alone"
    return Compared(frame.stamp_ns, ONLY_LIVE, why)


def _missing(
    rows: dict[int, FrameRow], live: Sequence[LiveFrame], dropped: int
) -> Iterator[Compared]:
    """Yield the frames of the replay of which no mask came.

    A frame older than a mask can only have been overtaken before that mask's turn, and the status
    of that mask has counted it.
    """
    played = {frame.stamp_ns for frame in live}
    told = [(frame.stamp_ns, frame.dropped) for frame in sorted(live, key=lambda one: one.stamp_ns)]
    overtaken = 0
    for stamp_ns in sorted(rows.keys() - played):
        counted = next((count for stamp, count in told if stamp > stamp_ns), dropped)
        if overtaken < counted:
            overtaken += 1
            yield Compared(stamp_ns, OVERTAKEN, "the network took longer than a frame")
        else:
            why = f"{rows[stamp_ns].reference} gave this instant in the replay alone"
            yield Compared(stamp_ns, ONLY_OFFLINE, why)


def _skew_ms(moment: SensorMoment) -> float | None:
    return None if moment.skew_ns is None else moment.skew_ns / NS_PER_MS
