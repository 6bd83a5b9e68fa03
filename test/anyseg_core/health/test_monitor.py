"""The monitor: actions, sensors, errors, and what holds for any sequence of readings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.health import (
    DETECTORS,
    Action,
    HealthConfig,
    HealthMonitor,
    HealthState,
    SensorHealthConfig,
    Thresholds,
    Verdict,
)
from anyseg_core.types import LidarRecord, RgbRecord

BLACK = np.zeros((8, 8, 3), np.uint8)
FULL = np.ones((500, 4), np.float32)
EMPTY = np.zeros((0, 4), np.float32)
MS = 1_000_000


@pytest.mark.parametrize(
    ("action", "state", "told"),
    [("ignore", "ok", 0), (Action.WARN, "degraded", 1), ("exclude", "failed", 1)],
)
def test_what_follows_is_set_per_sensor_and_detector(source, bench, action, state, told):
    under_watch = bench("rgb", 33, actions={"rgb_black": action})
    under_watch.feed(source.rgb(), 5)
    verdict = under_watch.feed(source.rgb(BLACK), 3)[-1]
    assert verdict.state == state
    assert [f.action for f in verdict.findings] == [Action(action)] * told


def test_limits_and_readings_needed_are_set_per_sensor(source, bench):
    limits = Thresholds(lidar_empty_points=5000)
    under_watch = bench("lidar", 100, bad_readings=4, good_readings=1, thresholds=limits)
    states = [str(v.state) for v in under_watch.feed(source.lidar(4000), 5)]
    assert states == ["ok"] * 3 + ["failed"] * 2
    assert under_watch.feed(source.lidar(6000), 1)[-1].state == "ok"


def test_every_configured_sensor_has_a_verdict():
    verdicts = HealthMonitor(HealthConfig()).verdicts(0)
    assert list(verdicts) == ["rgb", "depth", "event", "lidar"]
    assert {v.state for v in verdicts.values()} == {HealthState.UNKNOWN}


def test_a_reset_forgets_faults(source, bench):
    under_watch = bench("rgb", 33)
    under_watch.feed(source.rgb(BLACK), 5)
    under_watch.monitor.reset()
    assert under_watch.verdict() == Verdict("sensor", HealthState.UNKNOWN, (), has_data=False)


@pytest.mark.parametrize(
    ("state", "usable"),
    [("unknown", True), ("ok", True), ("degraded", True), ("failed", False), ("recovering", False)],
)
def test_the_state_says_whether_a_sensor_is_used(state, usable):
    assert Verdict("rgb", HealthState(state)).usable is usable


def test_a_reading_of_an_unknown_sensor_is_refused():
    with pytest.raises(ConfigurationError, match="'thermal'"):
        HealthMonitor(HealthConfig()).observe("thermal", RgbRecord(0, "", BLACK), 0)


def test_a_reading_of_another_modality_is_refused():
    with pytest.raises(RecordError, match="wanted LidarRecord"):
        HealthMonitor(HealthConfig()).observe("lidar", RgbRecord(0, "", BLACK), 0)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"modality": "sonar"}, "sonar"),
        ({"timeout_ns": 0}, "timeout_ns"),
        ({"bad_readings": 0}, "bad_readings"),
        ({"good_readings": 1.5}, "good_readings"),
        ({"actions": {"rgb_blank": "warn"}}, "rgb_blank"),
        ({"actions": {"lidar_empty": "warn"}}, "lidar_empty"),
        ({"actions": {"rgb_black": "panic"}}, "panic"),
    ],
)
def test_a_sensor_with_values_that_make_no_sense_is_refused(values, word):
    with pytest.raises(ConfigurationError, match=word):
        SensorHealthConfig(**{"modality": "rgb", **values})


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "5", True])
def test_a_threshold_that_makes_no_sense_is_refused(value):
    with pytest.raises(ConfigurationError, match="rgb_black_mean"):
        Thresholds(rgb_black_mean=value)


@pytest.mark.parametrize("sensors", [{}, {"rgb": "rgb"}])
def test_health_of_nothing_is_refused(sensors):
    with pytest.raises(ConfigurationError):
        HealthConfig(sensors)


def test_every_detector_belongs_to_one_modality_or_to_all():
    told = [SensorHealthConfig(m).detectors for m in ("rgb", "depth", "event", "lidar")]
    assert set().union(*told) == set(DETECTORS)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1500)), max_size=40))
def test_any_sequence_of_readings_agrees_with_a_look_at_its_history(steps):
    """The state follows from the last readings alone: silence, n bad, m good, in between."""
    no_rhythm = dict.fromkeys(("low_rate", "high_jitter", "lost_readings"), Action.IGNORE)
    config = SensorHealthConfig("lidar", actions=no_rhythm)
    monitor = HealthMonitor(HealthConfig({"lidar": config}))
    now, empty, silent = 10**18, [], []
    for gap_ms, is_bad in ((gap, bad) for bad, gap in steps):
        now += gap_ms * MS + 1
        monitor.observe("lidar", LidarRecord(now, "lidar", EMPTY if is_bad else FULL), now)
        silent.append(gap_ms >= 1000 and len(empty) > 0)
        empty.append(is_bad)
        fault = believed(empty)
        verdict = monitor.verdicts(now)["lidar"]
        # A silence is over with the third reading, the one that ended it included.
        if fault or any(silent[-2:]):
            assert verdict.state == ("failed" if fault and is_bad else "recovering")
        else:
            assert verdict.state == ("ok" if len(empty) >= 3 else "unknown")
        assert verdict.usable == (not fault and not any(silent[-2:]))


def believed(empty):
    """Whether two bad readings in a row came after the last three good ones in a row."""
    last_good = max((i for i in range(3, len(empty) + 1) if not any(empty[i - 3 : i])), default=0)
    return any(empty[i] and empty[i + 1] for i in range(last_good, len(empty) - 1))


def test_actions_change_while_a_fault_holds(source, bench):
    under_watch = bench("rgb", 33)
    under_watch.feed(source.rgb(BLACK), 5)
    states = []
    for action in (Action.WARN, Action.IGNORE, Action.EXCLUDE):
        under_watch.monitor.set_actions({"sensor": {"rgb_black": action}})
        states.append(str(under_watch.verdict().state))
        states.append(str(under_watch.feed(source.rgb(BLACK), 2)[-1].state))
    assert states == ["degraded", "degraded", "ok", "ok", "ok", "failed"]
    with pytest.raises(ConfigurationError, match="depth_empty"):
        under_watch.monitor.set_actions({"sensor": {"depth_empty": Action.WARN}})
