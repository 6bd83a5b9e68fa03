"""Sets of readings that belong to one instant, from whatever sensors are alive."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from anyseg_core.errors import ConfigurationError
from anyseg_core.sync.checks import check_int, check_names
from anyseg_core.sync.jumps import Jump, judge_jump
from anyseg_core.sync.pending import PendingQueue, PendingSet
from anyseg_core.sync.records import AbsenceReason, FrameSet, Reading, Stream
from anyseg_core.sync.stream_state import StreamState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from anyseg_core.sync.counts import StreamCounts

MAX_PENDING = 256
"""Sets that may wait at once; beyond, the oldest goes out as it is."""

REMEMBERED_REASONS = 16

_BEFORE_ALL = -(1 << 63)
"""An instant before all others."""


class Synchronizer:
    """Approximate-time synchroniser that goes on with any subset of its streams.

    *Instants.* Each message of the reference asks for one set; the reference is the first live
    stream of ``reference_order``. A stream is live while its last new reading (no duplicate, no
    straggler) came less than its ``timeout_ns`` ago. A better reference that fell silent takes
    over again after ``recovery_count`` messages without a silence; one seen for the first time at
    once. A window stream as reference
    asks for a set once per ``window_ns`` of its stamps.

    *Readings.* ``nearest``: the reading nearest to the instant within the tolerance, whatever the
    state of its stream. ``window``: all readings with a stamp in (instant - window, instant],
    complete once a reading at the instant or after it has come. A set goes out as soon as nothing
    is left to wait for, at the latest ``max_wait_ns`` after its reference message arrived;
    nothing restarts that wait. Not waited for: streams never seen, streams gone stale, and
    readings that by the learned period cannot fall within the tolerance.

    *Jumps.* A stamp more than ``jump_ns`` behind its stream's newest (or ahead of it by more than
    the time passed plus ``jump_ns``) is held. If the next message of the stream does not follow
    it, it was a straggler and is dropped. Otherwise the live streams decide by majority: if time
    jumped for all (a bag loops), everything is reset and the held messages are used; if one
    sensor restarted with another epoch, only its buffer is cleared, and it is out of tolerance,
    and no reference, until its stamps fit again. If no live stream of ``reference_order`` fits
    the last set, everything is reset. An arrival clock that goes back by more than ``jump_ns``
    resets at once. A reset by itself first gives the sets that were waiting.

    *Calls.* There are no threads, locks, callbacks or clocks inside: ``push`` and ``poll`` return
    sets, and the caller makes sure that one call ends before the next begins. The stamps of sets
    rise strictly between resets; ``FrameSet.epoch`` counts these.

    Args:
        streams: the inputs.
        reference_order: names of the streams that may give the instants, best first.
        max_wait_ns: longest wait for readings, counted from the reference message's arrival.
        recovery_count: messages after a silence until a better reference takes over again.
        jump_ns: how far stamps and clocks may be off before it is a jump.
        history_ns: how long readings are kept for a reference that lags behind them.
        max_buffered: readings kept per stream; a window never holds more.

    Raises:
        ConfigurationError: names that are double or unknown, or values that make no sense.
    """

    def __init__(
        self,
        streams: Iterable[Stream],
        reference_order: Sequence[str],
        max_wait_ns: int,
        *,
        recovery_count: int = 5,
        jump_ns: int = 1_000_000_000,
        history_ns: int = 1_000_000_000,
        max_buffered: int = 4096,
    ) -> None:
        streams = tuple(streams)
        check_names([stream.name for stream in streams], reference_order)
        check_int("max_wait_ns", max_wait_ns, at_least=0)
        check_int("recovery_count", recovery_count, at_least=1)
        check_int("jump_ns", jump_ns, at_least=1)
        check_int("history_ns", history_ns, at_least=0)
        check_int("max_buffered", max_buffered, at_least=1)
        self._states = {s.name: StreamState(s, max_buffered) for s in streams}
        self._order = tuple(self._states[name] for name in reference_order)
        self._max_wait_ns = max_wait_ns
        self._recovery_count = recovery_count
        self._jump_ns = jump_ns
        self._history_ns = history_ns
        self._pending = PendingQueue()
        self._out: list[FrameSet] = []
        self._reset_count = 0
        self._reset_reasons: deque[str] = deque(maxlen=REMEMBERED_REASONS)
        self._now_ns = self._last_set_arrival_ns = _BEFORE_ALL
        self._last_set_ns: int | None = None
        self._reference: StreamState | None = None
        self._next_tick_ns: int | None = None
        # What the oldest set waits for: while that stream is live and silent, nothing changes.
        self._blocked_by: StreamState | None = None

    def push(self, name: str, stamp_ns: int, payload: object, arrival_ns: int) -> list[FrameSet]:
        """Take one message and return the sets that go out now, oldest first.

        Args:
            name: its stream.
            stamp_ns: its stamp as the sensor gave it.
            payload: anything; it comes out in ``Reading.payload``.
            arrival_ns: the caller's clock; it also ends the waits that are over.

        Raises:
            ConfigurationError: there is no such stream.
        """
        state = self._state(name)
        self._advance(arrival_ns)
        if self._pending and self._now_ns >= self._pending.head.deadline_ns:
            self._release(force=False)  # The wait was over before this message came.
        state.counts.received += 1
        reading = Reading(stamp_ns + state.stream.offset_ns, payload, arrival_ns)
        if state.is_jump(reading.stamp_ns, self._now_ns, self._jump_ns):
            self._hold(state, reading)
        else:
            if state.held:
                state.take_held("straggler")
            self._accept(state, reading)
        return self._drain()

    def poll(self, now_ns: int) -> list[FrameSet]:
        """Return the sets whose wait is over at ``now_ns``, oldest first."""
        self._advance(now_ns)
        return self._drain()

    def flush(self) -> list[FrameSet]:
        """Return all sets that wait, as they are: for the end of a recording."""
        self._release(force=True)
        return self._drain()

    def reset(self) -> None:
        """Forget all readings, waiting sets and learned periods; stamps may start lower."""
        for pending in self._pending.take_all():
            pending.state.counts.pending -= 1
            pending.state.counts.drop_reference("reset")
        for state in self._states.values():
            state.take_held("reset")
        self._clear("asked for by the caller", _BEFORE_ALL)

    @property
    def reference(self) -> str | None:
        """The stream that gives the instants at present."""
        return self._reference.stream.name if self._reference else None

    @property
    def next_deadline_ns(self) -> int | None:
        """When, by the arrival clock, ``poll`` gives a set if nothing arrives before."""
        return self._pending.head.deadline_ns if self._pending else None

    @property
    def reset_count(self) -> int:
        """How many resets there were, asked for or by itself."""
        return self._reset_count

    @property
    def reset_reasons(self) -> tuple[str, ...]:
        """Why the last resets happened, oldest first."""
        return tuple(self._reset_reasons)

    def period_ns(self, name: str) -> int | None:
        """Return a stream's learned period, or None while it is unknown."""
        return self._state(name).period.period_ns

    def counts(self, name: str) -> StreamCounts:
        """Return a snapshot of where a stream's messages went."""
        return self._state(name).counts.copy()

    def _state(self, name: str) -> StreamState:
        state = self._states.get(name)
        if state is None:
            raise ConfigurationError(
                f"a message of stream {name!r}",
                f"one of {', '.join(self._states)}",
                "add the stream when the synchroniser is made",
            )
        return state

    def _advance(self, now_ns: int) -> None:
        back_ns = self._now_ns - now_ns
        if back_ns > self._jump_ns:
            reason = f"the arrival clock went back by {back_ns / 1e9:.3f} s"
            self._reset_by_itself(reason, now_ns)
        self._now_ns = max(self._now_ns, now_ns)

    def _accept(self, state: StreamState, reading: Reading) -> None:
        stamp, now = reading.stamp_ns, self._now_ns
        if state.is_duplicate(stamp):
            state.counts.drop("duplicate")
            return
        state.refresh(stamp, now, self._recovery_count)
        if not self._choose_reference():
            self._reset_by_itself("no live reference is in step with the last set", now)
            state.refresh(stamp, now, self._recovery_count)
            self._choose_reference()
        state.store(reading, self._last_set_ns, self._history_ns)
        if state is self._reference:
            self._ask(state, reading)
        if state is self._blocked_by:
            self._blocked_by = None

    def _choose_reference(self) -> bool:
        """Choose the first live stream; False where there are some but none is in step."""
        chosen, is_any_live = None, False
        for state in self._order:
            if not state.is_live(self._now_ns):
                continue
            is_any_live = True
            if self._in_step(state):
                if not state.returning:
                    chosen = state
                    break
                # Better one that has just come back than none.
                chosen = chosen or state
        if chosen is not self._reference:
            self._reference = chosen
            self._next_tick_ns = None
        return chosen is not None or not is_any_live

    def _ask(self, state: StreamState, reading: Reading) -> None:
        """Ask for the set of a message of the reference."""
        stamp = reading.stamp_ns
        if state.stream.mode == "window":
            tick, window = self._next_tick_ns, state.stream.window_ns
            if tick is not None and stamp < tick:
                return
            on_grid = tick is not None and stamp < tick + window
            self._next_tick_ns = (tick if on_grid and tick is not None else stamp) + window
        state.counts.references += 1
        is_newer = self._last_set_ns is None or stamp > self._last_set_ns
        if is_newer and self._pending.add(state, reading, self._now_ns + self._max_wait_ns):
            state.counts.pending += 1
            if self._pending.head.reading is reading:
                self._blocked_by = None
        else:
            state.counts.drop_reference("not_newer")

    def _hold(self, state: StreamState, reading: Reading) -> None:
        if not state.hold(reading, self._jump_ns):
            return
        others = [s for s in self._states.values() if s is not state and s.is_live(self._now_ns)]
        jump = judge_jump(state, others, self._in_step)
        if jump is Jump.ONE_STREAM:
            held = state.take_held()
            state.clear()
            state.returning = True
            for kept in held:
                self._accept(state, kept)
        elif jump is Jump.ALL_STREAMS:
            self._reset_by_itself("the stamps of most live streams jumped", self._now_ns)

    def _reset_by_itself(self, reason: str, now_ns: int) -> None:
        """Give the waiting sets, forget everything, and go on with the messages that were held."""
        self._release(force=True)
        held = [(s, reading) for s in self._states.values() for reading in s.take_held()]
        self._clear(reason, now_ns)
        for state, reading in sorted(held, key=lambda item: item[1].arrival_ns):
            self._accept(state, reading)

    def _clear(self, reason: str, now_ns: int) -> None:
        self._forget(now_ns)
        self._reset_count += 1
        self._reset_reasons.append(reason)

    def _forget(self, now_ns: int) -> None:
        for state in self._states.values():
            state.clear()
        self._now_ns = now_ns
        self._last_set_ns = None
        self._last_set_arrival_ns = now_ns
        self._reference = None
        self._next_tick_ns = None
        self._blocked_by = None

    def _in_step(self, state: StreamState) -> bool:
        """Tell whether a stream's stamps fit the last set's; a silent stream's need not."""
        if self._last_set_ns is None or state.newest_ns is None or state.last_arrival_ns is None:
            return True
        ahead = state.newest_ns - self._last_set_ns
        passed = max(0, state.last_arrival_ns - self._last_set_arrival_ns)
        return -self._jump_ns <= ahead <= passed + self._jump_ns

    def _drain(self) -> list[FrameSet]:
        self._release(force=False)
        out, self._out = self._out, []
        return out

    def _release(self, *, force: bool) -> None:
        """Let go of the sets that wait for nothing more, or of all."""
        while self._pending:
            head = self._pending.head
            due = force or self._now_ns >= head.deadline_ns or len(self._pending) > MAX_PENDING
            blocked_by = self._blocked_by
            if not due and blocked_by is not None and blocked_by.is_live(self._now_ns):
                return
            frame_set = self._build(head, due=due)
            if frame_set is None:
                return
            self._pending.pop()
            self._blocked_by = None
            head.state.counts.pending -= 1
            head.state.counts.sets += 1
            self._last_set_ns = head.stamp_ns
            self._last_set_arrival_ns = head.reading.arrival_ns
            for state in self._states.values():
                state.prune(head.stamp_ns)
            self._out.append(frame_set)

    def _build(self, head: PendingSet, *, due: bool) -> FrameSet | None:
        """Return the set as it is now, or None where it is worth waiting and not ``due``."""
        readings: dict[str, Reading | tuple[Reading, ...]] = {}
        absent: dict[str, AbsenceReason] = {}
        for name, state in self._states.items():
            if state is head.state and state.stream.mode == "nearest":
                readings[name] = head.reading
                continue
            out_of_step_ns = self._jump_ns + self._max_wait_ns
            value, reason, final = state.match(head.stamp_ns, self._now_ns, out_of_step_ns)
            if state is head.state:
                readings[name] = value or (head.reading,)
            elif not final and not due:
                self._blocked_by = state
                return None
            elif value is None:
                absent[name] = reason
            else:
                readings[name] = value
        name = head.state.stream.name
        return FrameSet(head.stamp_ns, name, readings, absent, self._reset_count)
