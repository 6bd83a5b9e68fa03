"""Rate, jitter and lost readings, told by the stamps."""

import numpy as np
import pytest

from anyseg_core.health import rhythm

MS = 1_000_000


def names(verdict):
    return [finding.detector for finding in verdict.findings]


def feed_at(under_watch, source, periods_ms):
    verdicts = []
    for period_ms in periods_ms:
        under_watch.period_ns = round(period_ms * MS)
        verdicts += under_watch.feed(source.event(), 1)
    return verdicts


def test_a_rate_that_drops_to_a_third_is_told_and_passes(source, bench):
    under_watch = bench("event", 20)
    assert not names(feed_at(under_watch, source, [20] * 40)[-1])
    assert "low_rate" in names(feed_at(under_watch, source, [60] * 12)[-1])
    assert not names(feed_at(under_watch, source, [20] * 15)[-1])


def test_a_lower_rate_that_stays_becomes_the_usual(source, bench):
    under_watch = bench("event", 20)
    feed_at(under_watch, source, [20] * 40)
    assert not names(feed_at(under_watch, source, [60] * 300)[-1])


def test_intervals_that_vary_are_jitter_and_lost_readings_are_not(source, bench):
    under_watch = bench("event", 20)
    feed_at(under_watch, source, [20] * 40)
    assert names(feed_at(under_watch, source, [8, 29] * 8)[-1]) == ["high_jitter"]
    lossy = bench("event", 20)
    feed_at(lossy, source, [20] * 40)
    assert names(feed_at(lossy, source, [20, 20, 60, 20] * 5)[-1]) == ["lost_readings"]


def test_one_silence_is_no_loss_and_no_jitter(source, bench):
    under_watch = bench("event", 20)
    feed_at(under_watch, source, [20] * 40)
    after = feed_at(under_watch, source, [900, *[20] * 15])
    assert not any(names(verdict) for verdict in after)


def test_the_measures_are_what_they_say():
    assert rhythm.measure_jitter([100, 100, 130, 70, 100]) == pytest.approx(0.0)
    assert rhythm.measure_jitter([50, 150, 50, 150, 100]) == pytest.approx(0.5)
    assert rhythm.measure_missing([100, 200, 100], 100.0) == pytest.approx(1 / 4)
    assert rhythm.measure_missing([100] * 9 + [9000], 100.0) == pytest.approx(3 / 13)
    assert rhythm.measure_missing([3], 100.0) == 0


def test_thresholds_are_exclusive():
    assert rhythm.check_low_rate(2e8, 1e8, 0.5) is None
    assert rhythm.check_low_rate(2.1e8, 1e8, 0.5).threshold == pytest.approx(5.0)
    assert rhythm.check_high_jitter(0.3, 0.3) is None
    assert rhythm.check_lost_readings(np.nextafter(0.3, 1), 0.3) is not None
