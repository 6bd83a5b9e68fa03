"""Random traffic against a slow oracle that looks through all messages each time."""

from hypothesis import given, settings
from hypothesis import strategies as st

from anyseg_core.sync import Stream, Synchronizer

MS = 1_000_000
STREAMS = {
    "a": Stream("a", tolerance_ns=20 * MS, timeout_ns=200 * MS),
    "b": Stream("b", tolerance_ns=35 * MS, timeout_ns=300 * MS, offset_ns=7 * MS),
    "e": Stream("e", "window", window_ns=40 * MS, timeout_ns=150 * MS),
}
ORDER = ("a", "b", "e")
MAX_WAIT_NS = 60 * MS
SURE_MESSAGES = 9

STEPS = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from("abe"), st.integers(-30, 90)), max_size=60
)


class Oracle:
    """Keeps every message and finds everything anew by going through all of them."""

    def __init__(self):
        self.messages = []
        self.asked = []
        self.last_set_ns = None
        self.now_ns = 0

    def of(self, name):
        return [m for m in self.messages if m[0] == name]

    def is_live(self, name):
        return any(self.now_ns - m[2] < STREAMS[name].timeout_ns for m in self.of(name))

    def push(self, name, stamp_ns, arrival_ns):
        self.now_ns = arrival_ns
        self.messages.append((name, stamp_ns, arrival_ns))
        reference = next(n for n in ORDER if self.is_live(n))
        is_newer = self.last_set_ns is None or stamp_ns > self.last_set_ns
        if name == reference and name != "e" and is_newer:
            self.asked.append((stamp_ns, arrival_ns))

    def expected(self, name, instant_ns):
        """The stamps that belong to an instant."""
        stamps = [m[1] for m in self.of(name)]
        if name == "e":
            return sorted(s for s in stamps if instant_ns - 40 * MS < s <= instant_ns)
        near = min(stamps, key=lambda s: (abs(s - instant_ns), s), default=None)
        fits = near is not None and abs(near - instant_ns) <= STREAMS[name].tolerance_ns
        return [near] if fits else []

    def has_all(self, instant_ns):
        """Whether every live stream has what belongs to an instant, and nothing can be missing."""
        for name in filter(self.is_live, STREAMS):
            stamps = [m[1] for m in self.of(name)]
            enough = max(stamps) >= instant_ns if name == "e" else self.expected(name, instant_ns)
            if not enough:
                return False
        return True

    def check_set(self, frame_set, deadline_ns):
        instant = frame_set.stamp_ns
        assert self.last_set_ns is None or instant > self.last_set_ns
        self.last_set_ns = instant
        assert set(frame_set.readings) | set(frame_set.absent) == set(STREAMS)
        assert not set(frame_set.readings) & set(frame_set.absent)
        for name, found in frame_set.readings.items():
            readings = found if isinstance(found, tuple) else (found,)
            assert [r.stamp_ns for r in readings] == self.expected(name, instant)
        for name, reason in frame_set.absent.items():
            assert self.expected(name, instant) == []
            assert reason in self.possible_reasons(name, instant, deadline_ns)

    def possible_reasons(self, name, instant_ns, deadline_ns):
        stamps = [m[1] for m in self.of(name)]
        if not stamps:
            return {"never_seen"}
        if not self.is_live(name):
            return {"stale"}
        if max(stamps) >= instant_ns:
            return {"out_of_tolerance"}
        waited = {"late"} if deadline_ns is None or self.now_ns >= deadline_ns else set()
        return waited | ({"out_of_tolerance"} if len(stamps) >= SURE_MESSAGES else set())


def steps_to_messages(steps):
    """Turn gaps, names and delays into messages with unique stamps."""
    now = 10_000 * MS
    for i, (gap_ms, name, delay_ms) in enumerate(steps):
        now += gap_ms * MS
        yield name, now - delay_ms * MS + i, now


@settings(max_examples=300, deadline=None)
@given(steps=STEPS)
def test_sets_are_what_an_exhaustive_search_finds(steps):
    synchronizer = Synchronizer(
        STREAMS.values(), ORDER, MAX_WAIT_NS, recovery_count=1, jump_ns=10**15
    )
    oracle = Oracle()
    for name, stamp_ns, arrival_ns in steps_to_messages(steps):
        oracle.now_ns = arrival_ns
        arrivals = dict(oracle.asked)
        # Polling first shows what is due before the message, pushing what it completes.
        for sets in (synchronizer.poll(arrival_ns), None):
            given_sets = sets
            if given_sets is None:
                oracle.push(name, stamp_ns + STREAMS[name].offset_ns, arrival_ns)
                given_sets = synchronizer.push(name, stamp_ns, None, arrival_ns)
                arrivals = dict(oracle.asked)
            for frame_set in given_sets:
                asked_at = arrivals.get(frame_set.stamp_ns)
                is_tick = frame_set.reference == "e"
                assert is_tick or asked_at is not None
                # A reference that came early shares its predecessor's shorter wait.
                waits = [a for s, a in arrivals.items() if s >= frame_set.stamp_ns]
                deadline = None if is_tick else min(waits) + MAX_WAIT_NS
                oracle.check_set(frame_set, deadline)
        waiting = [
            (s, a) for s, a in oracle.asked if oracle.last_set_ns is None or s > oracle.last_set_ns
        ]
        if waiting:
            oldest = min(waiting)
            assert not oracle.has_all(oldest[0])
            assert all(arrival_ns < arrival + MAX_WAIT_NS for _, arrival in waiting)


ANY_STEPS = st.lists(
    st.tuples(
        st.sampled_from("abe"),
        st.one_of(st.integers(-100, 100), st.sampled_from([-5000, 5000, -(10**6), 10**6])),
        st.one_of(st.integers(0, 60), st.sampled_from([-3000, -20, 3000])),
    ),
    max_size=80,
)


@settings(max_examples=300, deadline=None)
@given(steps=ANY_STEPS, polls=st.booleans())
def test_any_sequence_gives_ordered_unique_accounted_sets(steps, polls):
    synchronizer = Synchronizer(STREAMS.values(), ORDER, MAX_WAIT_NS, max_buffered=20)
    sets, now, base = [], 10_000 * MS, 0
    for name, stamp_ms, gap_ms in steps:
        now += gap_ms * MS
        # A jump of the stamp lasts, so that restarts and loops happen, not stragglers alone.
        base += stamp_ms * MS if abs(stamp_ms) > 1000 else 0
        if polls:
            sets += synchronizer.poll(now)
        sets += synchronizer.push(name, now + base + stamp_ms * MS, None, now)
        assert all(len(state.stamps) <= 20 for state in synchronizer._states.values())
    sets += synchronizer.flush()
    keys = [(s.epoch, s.stamp_ns) for s in sets]
    assert keys == sorted(set(keys))
    total = 0
    for name in STREAMS:
        c = synchronizer.counts(name)
        assert c.received == c.accepted + sum(c.dropped.values()) + c.held
        assert c.references == c.sets + sum(c.dropped_references.values())
        assert c.pending == 0
        total += c.sets
    assert total == len(sets)
    assert synchronizer.reset_count >= max((s.epoch for s in sets), default=0)


@settings(max_examples=100, deadline=None)
@given(steps=ANY_STEPS)
def test_the_same_messages_give_the_same_sets(steps):
    def run():
        synchronizer = Synchronizer(STREAMS.values(), ORDER, MAX_WAIT_NS)
        sets, now = [], 0
        for name, stamp_ms, gap_ms in steps:
            now += gap_ms * MS
            sets += synchronizer.push(name, now + stamp_ms * MS, None, now)
        return sets + synchronizer.flush()

    assert run() == run()
