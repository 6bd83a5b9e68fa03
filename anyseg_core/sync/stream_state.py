"""What the synchroniser knows of one stream: its readings in order, its life and its rhythm."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from anyseg_core.sync.counts import StreamCounts
from anyseg_core.sync.period import PeriodEstimator
from anyseg_core.sync.records import AbsenceReason, Reading, Stream

Match = tuple[Reading | tuple[Reading, ...] | None, AbsenceReason, bool]
"""A reading or window or None, the reason if None, and whether waiting could change it: False."""


class StreamState:
    """Readings of one stream, sorted by stamp, bounded by age and by count.

    ``stamps`` and ``readings`` run in parallel so that bisection compares plain integers.
    Times named ``now_ns`` are the synchroniser's arrival clock, which never goes back in between
    two calls of :meth:`clear`.
    """

    __slots__ = (
        "counts",
        "held",
        "last_arrival_ns",
        "max_buffered",
        "newest_ns",
        "period",
        "readings",
        "returning",
        "stamps",
        "streak",
        "stream",
    )

    def __init__(self, stream: Stream, max_buffered: int) -> None:
        self.stream = stream
        self.max_buffered = max_buffered
        self.counts = StreamCounts()
        self.clear()

    def clear(self) -> None:
        """Forget everything but the counts."""
        self.stamps: list[int] = []
        self.readings: list[Reading] = []
        self.held: list[Reading] = []
        self.counts.held = 0
        self.newest_ns: int | None = None
        self.last_arrival_ns: int | None = None
        self.period = PeriodEstimator()
        self.returning = False
        self.streak = 0

    def is_live(self, now_ns: int) -> bool:
        """Tell whether a new reading came less than the timeout ago."""
        last = self.last_arrival_ns
        return last is not None and now_ns - last < self.stream.timeout_ns

    def is_duplicate(self, stamp_ns: int) -> bool:
        """Tell whether a reading of this stamp is held already."""
        if self.newest_ns is None or stamp_ns > self.newest_ns:
            return False
        i = bisect_left(self.stamps, stamp_ns)
        return stamp_ns == self.newest_ns or (i < len(self.stamps) and self.stamps[i] == stamp_ns)

    def is_jump(self, stamp_ns: int, now_ns: int, jump_ns: int) -> bool:
        """Tell whether a stamp lies too far back, or further ahead than time has passed."""
        if self.newest_ns is None or self.last_arrival_ns is None:
            return False
        ahead = stamp_ns - self.newest_ns
        return ahead < -jump_ns or ahead > now_ns - self.last_arrival_ns + jump_ns

    def refresh(self, stamp_ns: int, now_ns: int, recovery_count: int) -> None:
        """Note that a new reading came: life, rhythm, and recovery after a silence."""
        last, newest = self.last_arrival_ns, self.newest_ns
        silent = last is not None and now_ns - last >= self.stream.timeout_ns
        if silent:
            self.returning = True
            self.streak = 0
        self.streak += 1
        if self.streak >= recovery_count:
            self.returning = False
        if newest is None:
            self.newest_ns = stamp_ns
        elif stamp_ns > newest:
            if not silent:
                self.period.add(stamp_ns - newest)
            self.newest_ns = stamp_ns
        self.last_arrival_ns = now_ns

    def store(self, reading: Reading, floor_ns: int | None, history_ns: int) -> None:
        """Put a reading in its place and let go of what is too old, or count it as too old.

        Args:
            reading: not a duplicate.
            floor_ns: stamp of the last set: all sets to come are newer.
            history_ns: age against the newest stamp at which readings go, beside the reach.
        """
        stamp = reading.stamp_ns
        if floor_ns is not None and stamp <= floor_ns - self.stream.reach_ns:
            self.counts.drop("too_old")
            return
        self.counts.accepted += 1
        if not self.stamps or stamp > self.stamps[-1]:
            self.stamps.append(stamp)
            self.readings.append(reading)
        else:
            i = bisect_left(self.stamps, stamp)
            self.stamps.insert(i, stamp)
            self.readings.insert(i, reading)
        surplus = len(self.stamps) - self.max_buffered
        if surplus > 0:
            self.counts.evicted += surplus
            self._drop_first(surplus)
        oldest_kept = self.stamps[-1] - self.stream.reach_ns - history_ns
        if self.stamps[0] < oldest_kept:
            self._drop_first(bisect_left(self.stamps, oldest_kept))

    def prune(self, floor_ns: int) -> None:
        """Let go of the readings that no set after ``floor_ns`` can use."""
        limit = floor_ns - self.stream.reach_ns
        if self.stamps and self.stamps[0] <= limit:
            self._drop_first(bisect_right(self.stamps, limit))

    def hold(self, reading: Reading, jump_ns: int) -> bool:
        """Keep a reading whose stamp jumped until another confirms it; False for a duplicate."""
        if self.held:
            ahead = reading.stamp_ns - self.held[-1].stamp_ns
            if ahead == 0:
                self.counts.drop("duplicate")
                return False
            passed = max(0, reading.arrival_ns - self.held[-1].arrival_ns)
            if not 0 < ahead <= passed + jump_ns:
                self.take_held("straggler")
        self.held.append(reading)
        self.counts.held += 1
        return True

    def take_held(self, drop_reason: str | None = None) -> list[Reading]:
        """Return the held readings and hold none; count them as dropped if a reason is given."""
        held, self.held = self.held, []
        self.counts.held = 0
        if drop_reason is not None:
            for _ in held:
                self.counts.drop(drop_reason)
        return held

    def match(self, instant_ns: int, now_ns: int, out_of_step_ns: int) -> Match:
        """Find what belongs to ``instant_ns``, and whether it is worth waiting for more.

        Args:
            instant_ns: stamp of the set.
            now_ns: arrival clock.
            out_of_step_ns: a stream whose stamps lag so far behind its arrivals, measured
                against the set, is not waited for.
        """
        is_window = self.stream.mode == "window"
        value = self._window(instant_ns) if is_window else self._nearest(instant_ns)
        if value is not None and not is_window:
            return value, AbsenceReason.LATE, True
        newest, last = self.newest_ns, self.last_arrival_ns
        if newest is None or last is None:
            return None, AbsenceReason.NEVER_SEEN, True
        silence = now_ns - last
        if silence >= self.stream.timeout_ns:
            return value, AbsenceReason.STALE, True
        out_of_step = instant_ns - newest - silence > out_of_step_ns
        if newest >= instant_ns or out_of_step or not self._may_come(newest, instant_ns):
            return value, AbsenceReason.OUT_OF_TOLERANCE, True
        return value, AbsenceReason.LATE, False

    def _may_come(self, newest_ns: int, instant_ns: int) -> bool:
        tolerance = self.stream.tolerance_ns
        return self.stream.mode == "window" or self.period.may_fall_within(
            newest_ns, instant_ns - tolerance, instant_ns + tolerance
        )

    def _nearest(self, instant_ns: int) -> Reading | None:
        stamps = self.stamps
        i = bisect_left(stamps, instant_ns)
        best, distance = -1, self.stream.tolerance_ns + 1
        if i > 0 and instant_ns - stamps[i - 1] < distance:
            best, distance = i - 1, instant_ns - stamps[i - 1]
        if i < len(stamps) and stamps[i] - instant_ns < distance:
            best = i
        return self.readings[best] if best >= 0 else None

    def _window(self, instant_ns: int) -> tuple[Reading, ...] | None:
        first = bisect_right(self.stamps, instant_ns - self.stream.window_ns)
        last = bisect_right(self.stamps, instant_ns)
        return tuple(self.readings[first:last]) or None

    def _drop_first(self, count: int) -> None:
        del self.stamps[:count]
        del self.readings[:count]
