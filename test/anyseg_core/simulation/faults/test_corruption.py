from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from anyseg_core.simulation.faults import KINDS, Fault, corrupt

TIMING = {"dropout", "freeze", "delay", "rate_drop", "stamp_jump", "packet_loss"}
CONTENT = [
    (sensor, kind) for kind, sensors in KINDS.items() if kind not in TIMING for sensor in sensors
]
CONTENT_AND_FRAMES = CONTENT + [("frame", kind) for sensor, kind in CONTENT if sensor == "event"]


def payload(record):
    """Return a reading's arrays."""
    for name in ("image", "depth", "points"):
        if hasattr(record, name):
            return [getattr(record, name)]
    events = record.events
    return [events.x, events.y, events.t_ns, events.p]


def copies(record):
    return [array.copy() for array in payload(record)]


def broken(clean, name, kind, severity=1.0, seed=0):
    sensor = "event" if name == "frame" else name
    return corrupt(clean[name], Fault(sensor, kind, 0, severity=severity), seed)


def same(first, second):
    return all(
        a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        for a, b in zip(first, second, strict=True)
    )


@pytest.mark.parametrize(("name", "kind"), CONTENT_AND_FRAMES)
def test_each_fault_changes_the_payload_and_nothing_else(clean, name, kind):
    before = copies(clean[name])
    got = broken(clean, name, kind)
    assert type(got) is type(clean[name])
    assert not same(payload(got), before)
    assert same(payload(clean[name]), before), "the reading given was written to"
    for field in dataclasses.fields(got):
        if field.name not in ("image", "depth", "points", "events"):
            assert getattr(got, field.name) == getattr(clean[name], field.name)
    for now, then in zip(payload(got), before, strict=True):
        assert now.dtype == then.dtype
        if name != "event" and (name, kind) != ("lidar", "truncated_payload"):
            assert now.shape == then.shape


@pytest.mark.parametrize(("name", "kind"), CONTENT_AND_FRAMES)
def test_each_fault_is_the_same_for_the_same_seed(clean, name, kind):
    assert same(payload(broken(clean, name, kind)), payload(broken(clean, name, kind)))


@pytest.mark.parametrize(
    ("name", "kind"), [pair for pair in CONTENT_AND_FRAMES if pair[1] != "black"]
)
def test_a_slight_fault_leaves_more_of_the_reading_than_a_severe_one(clean, name, kind):
    def distance(severity):
        # The mean over seeds: one dirt spot or dead ring may lie where little is.
        total = 0.0
        for seed in range(8):
            now, then = payload(broken(clean, name, kind, severity, seed)), payload(clean[name])
            if name == "event" or len(now[0]) != len(then[0]):
                total += abs(len(now[0]) - len(then[0]))
            else:
                a, b = (np.nan_to_num(p[0].astype(float), posinf=500.0) for p in (now, then))
                total += np.abs(a - b).sum()
        return total

    assert distance(0.1) < distance(1.0)


@pytest.mark.parametrize("kind", sorted(TIMING))
def test_a_fault_of_timing_leaves_the_content_alone(clean, kind):
    assert corrupt(clean["rgb"], Fault("rgb", kind, 0), 0) is clean["rgb"]


def test_black_is_zero_and_a_black_event_camera_sends_nothing(clean):
    assert not broken(clean, "rgb", "black").image.any()
    assert not broken(clean, "depth", "black").depth.any()
    assert len(broken(clean, "event", "black").events) == 0


def test_exposure_faults_go_to_white_and_to_dark(clean):
    assert broken(clean, "rgb", "over_exposure").image.mean() > 220
    assert broken(clean, "rgb", "under_exposure").image.mean() < 40


def test_motion_blur_smooths_along_rows_and_keeps_the_mean(clean):
    image, blurred = clean["rgb"].image.astype(float), broken(clean, "rgb", "motion_blur").image
    along = np.abs(np.diff(blurred.astype(float), axis=1)).mean()
    assert along < 0.5 * np.abs(np.diff(image, axis=1)).mean()
    assert blurred.mean() == pytest.approx(image.mean(), abs=2.0)


def test_depth_faults_never_make_depth_where_there_was_none(clean):
    hole = clean["depth"].depth == 0
    for kind in ("noise", "fog", "blocked_region"):
        assert not broken(clean, "depth", kind).depth[hole].any()


def test_fog_takes_far_depth_and_far_points_first(clean):
    then, now = clean["depth"].depth, broken(clean, "depth", "fog").depth
    near, far = (then > 0) & (then < 5000), then > 30_000
    assert (now[near] == 0).mean() < 0.5 < (now[far] == 0).mean()
    points, foggy = clean["lidar"].points, broken(clean, "lidar", "fog").points
    range_m = np.linalg.norm(points[:, :3], axis=1)
    lost = np.isfinite(range_m) & ~np.isfinite(foggy[:, 0])
    assert lost[range_m < 8].mean() < lost[(range_m > 30) & (range_m < 41)].mean()


@pytest.mark.parametrize("name", ["rgb", "depth", "event", "frame"])
def test_dirt_stays_in_its_place_and_the_rest_is_untouched(clean, name):
    now = broken(clean, name, "blocked_region")
    later = corrupt(
        dataclasses.replace(clean[name], stamp_ns=9_000_000_000),
        Fault("event" if name == "frame" else name, "blocked_region", 0), 0,
    )  # fmt: skip
    assert same(payload(now), payload(later))
    if name != "event":
        changed = payload(now)[0] != payload(clean[name])[0]
        assert not payload(now)[0][changed].any()
        assert 0.2 < changed.mean() < 0.6


def test_hot_pixels_of_a_camera_stay_and_are_white(clean):
    now = broken(clean, "rgb", "hot_pixels")
    changed = (now.image != clean["rgb"].image).any(-1)
    assert 0.005 < changed.mean() < 0.04
    assert (now.image[changed] == 255).all()


def test_hot_event_pixels_are_few_and_fire_much(clean):
    events = broken(clean, "event", "hot_pixels").events
    count = np.bincount(events.y.astype(int) * 64 + events.x, minlength=4096)
    assert np.sort(count)[-30:].min() > 15
    assert np.median(count) <= 2


@pytest.mark.parametrize("kind", ["noise", "hot_pixels", "blocked_region", "event_low_resolution"])
def test_events_stay_in_order_and_on_the_sensor(clean, kind):
    events = broken(clean, "event", kind).events
    assert np.all(np.diff(events.t_ns) >= 0)
    assert events.x.max() < 64
    assert events.y.max() < 64
    assert events.t_ns[0] >= clean["event"].events.t_ns[0]
    assert events.t_ns[-1] <= clean["event"].events.t_ns[-1]


def test_low_resolution_events_fall_on_a_coarse_grid(clean):
    events = broken(clean, "event", "event_low_resolution").events
    assert not (events.x % 8).any()
    assert not (events.y % 8).any()
    assert 0 < len(events) < len(clean["event"].events) / 4


def test_an_empty_packet_of_events_survives_every_fault(clean):
    empty = corrupt(clean["event"], Fault("event", "black", 0), 0)
    for sensor, kind in CONTENT:
        if sensor == "event":
            corrupt(empty, Fault("event", kind, 0), 0)


def test_lidar_jitter_moves_the_sweep_as_one_rigid_body(clean):
    then, now = clean["lidar"].points, broken(clean, "lidar", "lidar_jitter").points
    here = np.isfinite(then[:, 0])
    a, b = then[here, :3].astype(float), now[here, :3].astype(float)
    gap = np.linalg.norm(a[1:] - a[:-1], axis=1), np.linalg.norm(b[1:] - b[:-1], axis=1)
    np.testing.assert_allclose(gap[0], gap[1], atol=1e-4)
    np.testing.assert_array_equal(then[~here], now[~here])


def test_a_lost_sector_is_one_wedge_and_all_else_stays(clean):
    then, now = clean["lidar"].points, broken(clean, "lidar", "lost_sector").points
    here = np.isfinite(then[:, 0])
    lost = here & np.isposinf(now[:, 0])
    azimuth = np.sort(np.arctan2(then[lost, 1], then[lost, 0]))
    assert 1.9 < azimuth[-1] - azimuth[0] < 2.1
    assert np.diff(azimuth).max() < 0.1
    np.testing.assert_array_equal(then[~lost], now[~lost])


def test_lost_rings_are_whole_and_the_same_in_the_next_sweep(clean):
    then, now = clean["lidar"].points, broken(clean, "lidar", "lost_rings").points
    here = np.isfinite(then[:, 0])
    elevation = np.arcsin(then[here, 2] / np.linalg.norm(then[here, :3], axis=1))
    ring = np.rint(elevation / 0.02)
    lost = np.isposinf(now[here, 0])
    shares = [lost[ring == value].mean() for value in np.unique(ring)]
    assert set(shares) == {0.0, 1.0}
    assert 0.4 < np.mean(shares) < 0.95
    later = dataclasses.replace(clean["lidar"], stamp_ns=9_000_000_000)
    again = corrupt(later, Fault("lidar", "lost_rings", 0), 0).points
    np.testing.assert_array_equal(np.isposinf(again[here, 0]), lost)


def test_lidar_noise_moves_points_along_their_beams_only(clean):
    then, now = clean["lidar"].points, broken(clean, "lidar", "noise").points
    here = np.isfinite(then[:, 0])
    unit = [p[here, :3] / np.linalg.norm(p[here, :3], axis=1, keepdims=True) for p in (then, now)]
    np.testing.assert_allclose(unit[0], unit[1], atol=1e-4)
    np.testing.assert_array_equal(then[:, 3], now[:, 3])


def test_a_wrong_extrinsic_moves_the_sweep_as_one_and_stays_the_same(clean):
    got = broken(clean, "lidar", "wrong_extrinsic").points[:, :3]
    then = clean["lidar"].points[:, :3]
    here = np.isfinite(then).all(axis=1)
    assert np.array_equal(np.isfinite(got).all(axis=1), here)
    steps = [np.linalg.norm(np.diff(cloud[here], axis=0), axis=1) for cloud in (got, then)]
    assert np.allclose(*steps, atol=1e-3)
    later = dataclasses.replace(clean["lidar"], stamp_ns=9_000_000_000)
    again = corrupt(later, Fault("lidar", "wrong_extrinsic", 0), 0).points[:, :3]
    assert np.array_equal(again[here], got[here])


@pytest.mark.parametrize("name", ["lidar", "event"])
def test_a_truncated_payload_is_the_beginning_of_the_whole(clean, name):
    now, then = payload(broken(clean, name, "truncated_payload")), payload(clean[name])
    assert 0 < len(now[0]) < 0.1 * len(then[0])
    assert all(
        np.array_equal(a, b[: len(a)], equal_nan=a.dtype.kind == "f")
        for a, b in zip(now, then, strict=True)
    )
