"""Latching: when a fault is believed and when it is over."""

from hypothesis import given
from hypothesis import strategies as st

from anyseg_core.health import Action, Finding
from anyseg_core.health.hysteresis import Latch

BAD = Finding("rgb_black", 1.0, 10.0, "grey levels", "black", "look", Action.EXCLUDE)


def oracle(readings, bad_needed, good_needed):
    """Whether a fault holds after all readings, found by looking at every run of the history."""
    holds = False
    for end in range(1, len(readings) + 1):
        if end >= bad_needed and all(readings[end - bad_needed : end]):
            holds = True
        if end >= good_needed and not any(readings[end - good_needed : end]):
            holds = False
    return holds


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 4), st.integers(1, 4))
def test_a_fault_holds_from_the_last_of_n_bad_to_the_last_of_m_good(readings, bad, good):
    latch = Latch(bad, good)
    for i, is_bad in enumerate(readings):
        latch.update(BAD if is_bad else None)
        assert (latch.finding is not None) == oracle(readings[: i + 1], bad, good)


@given(st.lists(st.booleans(), max_size=60))
def test_a_reading_that_is_bad_now_and_then_never_fails_with_two_needed(gaps):
    latch = Latch(2, 3)
    for gap in gaps:
        latch.update(BAD)
        latch.update(None)
        if gap:
            latch.update(None)
        assert latch.finding is None


def test_the_latest_finding_is_told():
    latch = Latch(1, 3)
    latch.update(BAD)
    worse = Finding("rgb_black", 0.0, 10.0, "grey levels", "blacker", "look", Action.EXCLUDE)
    latch.update(None)
    latch.update(worse)
    assert latch.finding is worse
