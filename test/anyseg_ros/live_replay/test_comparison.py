"""What becomes of a frame between the replay and the running node, on frames made by hand."""

import pytest

from anyseg_core.replay.timeline import FrameRow, SensorMoment
from anyseg_ros.live_replay.comparison import compare
from anyseg_ros.live_replay.figures import figures_of
from anyseg_ros.live_replay.recorder import LiveFrame
from anyseg_ros.live_replay.session import LiveRecording

MS = 1_000_000
SENSORS = ("rgb", "depth", "lidar")


def row(stamp_ms, labels="a", without=None, skew_ms=0.0):
    without = without or {}
    sensors = {
        name: SensorMoment(name not in without, False, without.get(name, ""), round(skew_ms * MS))
        for name in SENSORS
    }
    return FrameRow(stamp_ms * MS, stamp_ms * MS, "rgb", sensors, labels, 6 * MS)


def frame(stamp_ms, labels="a", without=None, skew_ms=0.0, dropped=0, latency_ms=50):
    without = without or {}
    return LiveFrame(
        stamp_ns=stamp_ms * MS,
        reference="rgb",
        used=tuple(name for name in SENSORS if name not in without),
        reasons={name: without.get(name, "") for name in SENSORS},
        skews_ms=dict.fromkeys(SENSORS, skew_ms),
        labels_sha256=labels,
        dropped=dropped,
        arrived_ns=(stamp_ms + latency_ms) * MS,
    )


def outcomes(offline, live, dropped=0):
    return [(one.stamp_ns // MS, one.outcome) for one in compare(offline, live, dropped)]


def test_the_same_pixels_are_equal_and_need_no_cause():
    [found] = compare([row(100)], [frame(100)], 0)
    assert (found.outcome, found.why) == ("equal", "")


def test_a_sensor_that_came_late_is_named_with_the_nodes_reason():
    [found] = compare([row(100)], [frame(100, "b", {"lidar": "late"})], 0)
    assert found.outcome == "other_sensors"
    assert found.why == "lidar not used live: late"


def test_a_sensor_that_only_the_node_used_is_named_with_the_replays_reason():
    [found] = compare([row(100, without={"depth": "stale"})], [frame(100, "b")], 0)
    assert found.why == "depth used live, not in the replay: stale"


def test_another_reading_of_a_sensor_is_told_by_its_skew():
    [found] = compare([row(100)], [frame(100, "b", skew_ms=-100.0)], 0)
    assert found.outcome == "other_readings"
    assert "rgb" in found.why


def test_a_skew_that_was_only_rounded_is_the_same_reading():
    [found] = compare([row(100, skew_ms=1.04)], [frame(100, "b", skew_ms=1.0)], 0)
    assert found.outcome == "other_pixels"


def test_frames_between_two_masks_are_overtaken_as_far_as_the_node_counted_them():
    offline = [row(stamp) for stamp in (100, 200, 300, 400, 500)]
    live = [frame(100), frame(400, dropped=1)]
    assert outcomes(offline, live, dropped=2) == [
        (100, "equal"), (200, "overtaken"), (300, "only_offline"), (400, "equal"),
        (500, "overtaken"),
    ]  # fmt: skip


def test_a_frame_that_only_one_of_the_two_has_says_so():
    assert outcomes([row(100)], [frame(150)]) == [(100, "only_offline"), (150, "only_live")]


def test_nothing_played_and_nothing_replayed_compare_to_nothing():
    assert compare([], [], 0) == []


def test_figures_count_every_frame_once_and_give_the_latency_of_each_subset():
    offline = [row(stamp) for stamp in (100, 200, 300)]
    late = {"lidar": "late"}
    live = [frame(100), frame(200, "b", late, latency_ms=80), frame(300, "b", late, latency_ms=90)]
    recording = LiveRecording(live, 0, {}, 30, 3.0, "a runtime")
    figures = figures_of(recording, compare(offline, live, 0), 0.5)
    assert sum(figures["frames"].values()) == 3
    assert figures["causes"] == [
        {"outcome": "other_sensors", "why": "lidar not used live: late", "frames": 2}
    ]
    assert figures["latency_ms"]["RDL"] == {"frames": 1, "p50": 50.0, "p95": 50.0}
    assert figures["latency_ms"]["RD"]["p50"] == pytest.approx(85.0)
    assert figures["masks_per_s"] == pytest.approx(1.0)
