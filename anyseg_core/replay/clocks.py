"""What the times of a recording tell: gaps in it, and stamps that follow another clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyseg_core.types import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LEAST_GAP_NS = 500_000_000
"""A shorter silence costs no sensor its place in the masks."""

_GAP_PERIODS = 5
_DRIFT_NS = 200_000_000
_DRIFT_SHARE = 0.02
_OFFSET_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Gap:
    """A silence, from ``start_ns`` on the recorder's clock."""

    start_ns: int
    length_ns: int

    def overlaps(self, other: Gap) -> bool:
        """Return whether some of the silence is the other one's too."""
        ends = self.start_ns + self.length_ns, other.start_ns + other.length_ns
        return self.start_ns < ends[1] and other.start_ns < ends[0]


class TopicTimes:
    """When the readings of a topic were recorded and stamped; keeps a few numbers alone.

    Args:
        start_ns: the recording's start, on the recorder's clock.
    """

    def __init__(self, start_ns: int) -> None:
        self._last_ns, self._longest = start_ns, Gap(start_ns, 0)
        self._first: tuple[int, int] | None = None
        self._latest = (0, 0)
        self._count = 0

    def add(self, log_ns: int, stamp_ns: int) -> None:
        """Take one reading's record time and stamp."""
        self._note(log_ns)
        self._first = self._first or (log_ns, stamp_ns)
        self._latest = (log_ns, stamp_ns)
        self._count += 1

    def gap(self, end_ns: int) -> Gap | None:
        """Return the longest silence until the recording's end, if it is one for this topic."""
        longest = self._longest
        if end_ns - self._last_ns > longest.length_ns:
            longest = Gap(self._last_ns, end_ns - self._last_ns)
        if self._first is None:
            return None
        span_ns = self._latest[0] - self._first[0]
        inside = self._first[0] <= longest.start_ns < self._latest[0]
        talking_ns = span_ns - (longest.length_ns if inside else 0)
        periods = self._count - 1 - inside
        usual_ns = talking_ns / periods if periods > 0 else 0.0
        return longest if longest.length_ns >= max(_LEAST_GAP_NS, _GAP_PERIODS * usual_ns) else None

    def clock_problem(self) -> str:
        """Return what is wrong with the stamps, in words; empty where nothing is."""
        if self._first is None:
            return ""
        (log_ns, stamp_ns), (last_log_ns, last_stamp_ns) = self._first, self._latest
        span_ns, stamps_ns = last_log_ns - log_ns, last_stamp_ns - stamp_ns
        if abs(stamps_ns - span_ns) > _DRIFT_NS + _DRIFT_SHARE * span_ns and span_ns > 0:
            return f"run {stamps_ns / span_ns:.2f} times as fast as the recorder's clock"
        offset_ns = stamp_ns - log_ns
        if abs(offset_ns) > _OFFSET_NS:
            where = "ahead of" if offset_ns > 0 else "behind"
            return f"lie {abs(offset_ns) / NS_PER_S:.1f} s {where} the recorder's clock"
        return ""

    def _note(self, log_ns: int) -> None:
        if log_ns - self._last_ns > self._longest.length_ns:
            self._longest = Gap(self._last_ns, log_ns - self._last_ns)
        self._last_ns = log_ns


class RecordingTimes:
    """The times of all sensors' readings of a recording.

    Args:
        start_ns: its start, on the recorder's clock.
        end_ns: its end.
    """

    def __init__(self, start_ns: int, end_ns: int) -> None:
        self._start_ns, self._end_ns = start_ns, end_ns
        self._all = TopicTimes(start_ns)
        self._topics: dict[str, TopicTimes] = {}

    def add(self, topic: str, log_ns: int, stamp_ns: int) -> None:
        """Take one reading."""
        self._all.add(log_ns, stamp_ns)
        self._topics.setdefault(topic, TopicTimes(self._start_ns)).add(log_ns, stamp_ns)

    def problems(self) -> list[str]:
        """Return what is wrong, a sentence each; a gap of all sensors is told once."""
        return [*self._gaps(), *_clocks(self._topics)]

    def _gaps(self) -> Iterator[str]:
        whole = self._all.gap(self._end_ns)
        if whole is not None:
            yield f"nothing was recorded {self._when(whole)}"
        for topic, times in sorted(self._topics.items()):
            gap = times.gap(self._end_ns)
            if gap is not None and not (whole is not None and gap.overlaps(whole)):
                yield f"nothing came on {topic} {self._when(gap)}"

    def _when(self, gap: Gap) -> str:
        start_s = (gap.start_ns - self._start_ns) / NS_PER_S
        return f"for {gap.length_ns / NS_PER_S:.1f} s, from {start_s:.1f} s on"


def _clocks(topics: Mapping[str, TopicTimes]) -> Iterator[str]:
    for topic, times in sorted(topics.items()):
        if problem := times.clock_problem():
            yield f"the stamps of {topic} {problem}"
