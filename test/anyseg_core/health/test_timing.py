"""Silence and stamps."""

import numpy as np
import pytest

from anyseg_core.types import LidarRecord

S = 1_000_000_000


def names(verdict):
    return [finding.detector for finding in verdict.findings]


def test_a_sensor_never_seen_is_unknown_and_not_usable(bench):
    verdict = bench("rgb", 33).wait(60_000)
    assert verdict.state == "unknown"
    assert not verdict.usable


def test_a_silence_fails_at_the_timeout_and_three_readings_end_it(source, bench):
    under_watch = bench("lidar", 100, timeout_ns=S // 2)
    under_watch.feed(source.lidar(), 5)
    assert under_watch.wait(499).state == "ok"
    failed = under_watch.wait(1)
    assert (failed.state, names(failed), failed.usable) == ("failed", ["silence"], False)
    assert failed.findings[0].value == pytest.approx(0.5)
    assert failed.findings[0].threshold == pytest.approx(0.5)
    back = under_watch.feed(source.lidar(), 3)
    assert [v.state for v in back] == ["recovering", "recovering", "ok"]


def test_a_silence_that_nobody_looked_at_counts(source, bench):
    under_watch = bench("lidar", 100)
    under_watch.feed(source.lidar(), 5)
    under_watch.now_ns += 3 * S
    assert under_watch.feed(source.lidar(), 1)[0].state == "recovering"


@pytest.mark.parametrize(
    ("offset_s", "found"),
    [(-6, ["stamp_past"]), (-4.5, []), (0.9, []), (1.2, ["stamp_future"])],
)
def test_stamps_off_the_clock_are_told_and_left_in(source, bench, offset_s, found):
    under_watch = bench("lidar", 100)
    last = under_watch.feed(source.lidar(), 5, stamp_offset_ns=int(offset_s * S))[-1]
    assert names(last) == found
    assert last.usable


def test_a_stamp_of_zero_fails_and_is_no_old_stamp(source, bench):
    under_watch = bench("lidar", 100)
    verdict = under_watch.feed(lambda _: source.lidar()(0), 2)[-1]
    assert verdict.state == "failed"
    assert "stamp_zero" in names(verdict)
    assert "stamp_past" not in names(verdict)


def test_a_step_back_is_told_once_and_passes(source, bench):
    under_watch = bench("lidar", 100)
    under_watch.feed(source.lidar(), 5)
    after = under_watch.feed(source.lidar(), 4, stamp_offset_ns=-S)
    assert [names(v) for v in after] == [["stamp_backward"]] * 3 + [[]]
    assert after[0].findings[0].value == pytest.approx(0.9)


def test_a_small_step_back_is_the_transport(source, bench):
    under_watch = bench("lidar", 100)
    under_watch.feed(source.lidar(), 5)
    after = under_watch.feed(source.lidar(), 1, stamp_offset_ns=-S // 6)
    assert not after[0].findings


def test_a_stamp_that_stands_still_fails(source, bench):
    under_watch = bench("lidar", 100)
    stamp = under_watch.now_ns
    verdicts = under_watch.feed(lambda _: source.lidar()(stamp), 3)
    assert [v.state for v in verdicts] == ["unknown", "unknown", "failed"]
    assert names(verdicts[-1]) == ["stamp_frozen"]


def test_a_clock_that_stands_still_is_no_silence(source, bench):
    under_watch = bench("lidar", 100)
    under_watch.feed(source.lidar(), 5)
    assert {under_watch.wait(0).state for _ in range(100)} == {"ok"}


def test_a_clock_that_starts_again_starts_health_afresh(source, bench):
    under_watch = bench("lidar", 100)
    under_watch.feed(source.lidar(), 50)
    under_watch.now_ns -= 5 * S
    assert under_watch.verdict().state == "unknown"
    again = under_watch.feed(source.lidar(), 3)
    assert [str(v.state) for v in again] == ["unknown", "unknown", "ok"]


def test_a_clock_a_little_behind_changes_nothing(bench):
    under_watch = bench("lidar", 100)
    points = np.ones((500, 4), np.float32)
    under_watch.feed(lambda t: LidarRecord(t, "lidar", points), 5)
    under_watch.now_ns -= S // 2
    assert under_watch.verdict().state == "ok"
