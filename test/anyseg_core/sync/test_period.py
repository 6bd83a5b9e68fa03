"""The learned period and what it rules out."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from anyseg_core.sync.period import PeriodEstimator


def learned(intervals):
    estimator = PeriodEstimator()
    for interval in intervals:
        estimator.add(interval)
    return estimator


def test_nothing_is_known_at_first():
    assert learned([100]).period_ns is None
    assert learned([100] * 5).may_fall_within(0, 20, 30)


def test_lost_messages_change_neither_period_nor_certainty():
    estimator = learned([100, 100, 200, 100, 300, 100, 100, 100, 200, 100])
    assert estimator.period_ns == 100
    assert not estimator.may_fall_within(0, 20, 80)


def test_a_new_rate_is_learned():
    assert learned([100] * 20 + [50] * 12).period_ns == 50


def test_a_prediction_too_far_ahead_rules_nothing_out():
    estimator = learned([100] * 10)
    assert not estimator.may_fall_within(0, 240, 260)
    assert estimator.may_fall_within(0, 940, 960)


@given(
    low=st.integers(1, 280),
    length=st.integers(0, 300),
    jitters=st.lists(st.integers(-8, 8), min_size=9, max_size=14),
)
def test_what_a_steady_sensor_sends_is_never_ruled_out(low, length, jitters):
    stamps = [100 * k + j for k, j in enumerate(jitters)]
    estimator = learned([b - a for a, b in itertools.pairwise(stamps)])
    comes = any(low <= 100 * k <= low + length for k in (1, 2, 3))
    if comes:
        newest = stamps[-1] - 100 * (len(stamps) - 1)
        assert estimator.may_fall_within(newest, low, low + length)
