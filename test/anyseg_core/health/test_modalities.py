"""Each detector of a modality speaks up for its fault and for nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from anyseg_core.health import (
    HealthConfig,
    HealthMonitor,
    SensorHealthConfig,
    depth,
    event,
    frozen,
    lidar,
    rgb,
)
from anyseg_core.types import EventFrameRecord

START_NS = 1_700_000_000_000_000_000
PERIOD_MS = {"rgb": 33, "depth": 33, "event": 10, "lidar": 100}


def names(verdict):
    return [finding.detector for finding in verdict.findings]


def states(verdicts):
    return [str(v.state) for v in verdicts]


@pytest.mark.parametrize("modality", ["rgb", "depth", "event", "lidar"])
def test_a_clean_run_finds_nothing(source, bench, modality):
    under_watch = bench(modality, PERIOD_MS[modality])
    verdicts = under_watch.feed(source.clean(modality), 200)
    assert states(verdicts) == ["unknown"] * 2 + ["ok"] * 198
    assert all(v.usable and not v.findings for v in verdicts)


def test_a_picture_going_black_fails_after_two_and_is_back_after_three(source, bench):
    under_watch = bench("rgb", 100)
    under_watch.feed(source.rgb(), 20)
    black = source.rgb(np.zeros((72, 96, 3), np.uint8))
    assert states(under_watch.feed(black, 5)) == ["ok"] + ["failed"] * 4
    assert names(under_watch.verdict()) == ["rgb_black"]
    back = under_watch.feed(source.rgb(), 4)
    assert states(back) == ["recovering", "recovering", "ok", "ok"]
    assert [v.usable for v in back] == [False, False, True, True]


def test_read_noise_under_a_cap_is_black(source, bench):
    under_watch = bench("rgb", 33)
    capped = under_watch.feed(source.rgb(level=3, contrast=0), 3)
    assert names(capped[-1]) == ["rgb_black"]


def test_night_is_not_black(source, bench):
    night = source.image(level=4, contrast=0)
    night[30:40, 40:50] = 180
    statistics = rgb.measure_image(night, 250)
    assert statistics.mean < 10
    assert rgb.check_black(statistics, 10, 4) is None
    under_watch = bench("rgb", 33)
    night_run = under_watch.feed(source.rgb(level=4, contrast=0, lamp=0xC0), 30)
    assert states(night_run)[5:] == ["ok"] * 25


def test_a_white_picture_is_excluded(source, bench):
    under_watch = bench("rgb", 33)
    under_watch.feed(source.rgb(), 20)
    white = under_watch.feed(source.rgb(np.full((72, 96, 3), 255, np.uint8)), 2)[-1]
    assert white.state == "failed"
    assert names(white) == ["rgb_white"]


def test_a_sudden_darkening_is_under_exposed_but_usable(source, bench):
    under_watch = bench("rgb", 33)
    under_watch.feed(source.rgb(), 20)
    dark = under_watch.feed(source.rgb(level=30, contrast=12), 4)
    assert states(dark) == ["ok"] + ["degraded"] * 3
    assert names(dark[-1]) == ["rgb_under_exposed"]
    assert dark[-1].usable


def test_a_slow_dusk_is_the_usual(source, bench):
    under_watch = bench("rgb", 33)
    found = []
    for level in np.linspace(110, 25, 600):
        found += under_watch.feed(lambda t, m=level: source.rgb(level=m, contrast=m / 3)(t), 1)
    assert not any(v.findings for v in found)


def test_a_tunnel_becomes_the_usual_after_a_while(source, bench):
    under_watch = bench("rgb", 33)
    under_watch.feed(source.rgb(), 30)
    tunnel = under_watch.feed(source.rgb(level=35, contrast=14), 200)
    assert states(tunnel)[10] == "degraded"
    assert states(tunnel)[-1] == "ok"


def test_many_saturated_pixels_are_over_exposed(source, bench):
    under_watch = bench("rgb", 33)
    under_watch.feed(source.rgb(), 20)
    bright = under_watch.feed(source.rgb(level=255, contrast=45), 3)[-1]
    assert bright.state == "degraded"
    assert names(bright) == ["rgb_over_exposed"]


def test_saturated_lamps_that_are_always_there_are_no_over_exposure(source, bench):
    assert rgb.check_over_exposed(0.69, 0.4, 0.3) is None
    assert rgb.check_over_exposed(0.71, 0.4, 0.3).threshold == pytest.approx(0.7)
    under_watch = bench("rgb", 33)
    # 29 % of the pixels are saturated as a rule, then 40 %.
    usual, more = source.image(), source.image()
    usual[:21], more[:29] = 255, 255
    noisy = [usual.copy() for _ in range(30)] + [more.copy() for _ in range(30)]
    for k, image in enumerate(noisy):
        image[-1, -1] = k
    found = [under_watch.feed(source.rgb(image), 1)[-1].findings for image in noisy]
    assert not any(found)


MAKERS = ("rgb", "depth", "lidar")


def watch_together(source, stuck, count, alive=()):
    """Feed one stuck sensor beside live ones; return the stuck one's verdicts."""
    modalities = (stuck, *alive)
    monitor = HealthMonitor(HealthConfig({name: SensorHealthConfig(name) for name in modalities}))
    last = source.clean(stuck)(0)
    verdicts = []
    for k in range(20 + count):
        now_ns = START_NS + k * 33_000_000
        for name in modalities:
            held = name == stuck and k >= 20
            record = replace(last, stamp_ns=now_ns) if held else source.clean(name)(now_ns)
            monitor.observe(name, record, now_ns)
        verdicts.append(monitor.verdicts(now_ns)[stuck])
    return verdicts[20:]


@pytest.mark.parametrize("stuck", MAKERS)
@pytest.mark.parametrize("alive", MAKERS)
def test_the_same_content_again_and_again_is_frozen_while_another_sensor_moves(
    source, stuck, alive
):
    if stuck == alive:
        pytest.skip("the other sensor is another one")
    verdicts = watch_together(source, stuck, 5, (alive,))
    # The first is new, two repeats are a driver's habit, the third is a fault.
    assert states(verdicts) == ["ok"] * 3 + ["failed"] * 2
    assert names(verdicts[-1]) == [f"{stuck}_frozen"]


@pytest.mark.parametrize("stuck", MAKERS)
@pytest.mark.parametrize("alive", [(), ("event",)], ids=["alone", "beside events"])
def test_a_repeating_sensor_is_only_warned_of_where_nothing_shows_that_the_world_moves(
    source, stuck, alive
):
    verdicts = watch_together(source, stuck, 5, alive)
    assert states(verdicts) == ["ok"] * 3 + ["degraded"] * 2
    assert verdicts[-1].usable
    assert names(verdicts[-1]) == [f"{stuck}_frozen"]


def test_a_frozen_sensor_that_moves_again_recovers(source, bench):
    under_watch = bench("rgb", 33)
    last = source.rgb()(0)
    under_watch.feed(source.rgb(last.image), 10)
    assert states(under_watch.feed(source.rgb(), 3))[-1] == "ok"


def test_a_uniform_picture_does_not_count_as_frozen():
    counter = frozen.RepeatCounter()
    flat = np.full((8, 8, 3), 7, np.uint8)
    assert [counter.count(flat) for _ in range(4)] == [0, 0, 0, 0]
    flat[0, 0] = 8
    assert [counter.count(flat) for _ in range(4)] == [0, 1, 2, 3]


def test_measuring_agrees_with_plain_numpy(source):
    image = source.image(220, 60)
    measured = rgb.measure_image(image, 250)
    grey = image.astype(float).mean(axis=2)
    assert measured.mean == pytest.approx(grey.mean(), rel=1e-4)
    assert measured.contrast == pytest.approx(grey.std(), rel=1e-4)
    assert measured.saturated_share == pytest.approx((image >= 250).all(axis=2).mean())


def test_a_sample_keeps_at_least_the_sampled_rows():
    for height, width in [(720, 1280), (480, 640), (47, 3), (1, 1), (97, 1000)]:
        sample = frozen.sample_image(np.zeros((height, width, 3), np.uint8))
        assert min(sample.shape[:2]) >= min(frozen.SAMPLED_ROWS, height, width)
        assert sample.flags.c_contiguous


def test_a_depth_image_without_depth_fails(source, bench):
    under_watch = bench("depth", 33)
    under_watch.feed(source.depth(), 20)
    empty = under_watch.feed(source.depth(invalid=1.0), 2)[-1]
    assert empty.state == "failed"
    assert names(empty) == ["depth_empty"]


def test_more_invalid_depth_than_usual_degrades(source, bench):
    under_watch = bench("depth", 33)
    under_watch.feed(source.depth(invalid=0.4), 30)
    more = under_watch.feed(source.depth(invalid=0.8), 3)[-1]
    assert more.state == "degraded"
    assert names(more) == ["depth_invalid"]
    used_to_it = bench("depth", 33)
    assert used_to_it.feed(source.depth(invalid=0.8), 30)[-1].state == "ok"


def test_zero_negative_nan_and_inf_are_invalid_depth():
    values = np.array([[0.0, np.nan, np.inf, -np.inf], [-1.0, 0.5, 3.0, 80.0]], np.float32)
    assert depth.measure_invalid_share(values) == pytest.approx(5 / 8)
    assert depth.measure_invalid_share(np.array([[0, 1, 65535, 9]], np.uint16)) == 0.25
    assert depth.measure_invalid_share(np.zeros((0, 4), np.float32)) == 1.0


def test_an_empty_sweep_fails(source, bench):
    under_watch = bench("lidar", 100)
    under_watch.feed(source.lidar(), 15)
    assert names(under_watch.feed(source.lidar(returns=0, misses=0), 2)[-1]) == ["lidar_empty"]
    assert names(under_watch.feed(source.lidar(returns=9, misses=9000), 2)[-1]) == ["lidar_empty"]
    assert under_watch.verdict().state == "failed"


def test_a_loss_of_points_degrades_for_as_long_as_it_lasts(source, bench):
    under_watch = bench("lidar", 100)
    under_watch.feed(source.lidar(4000), 15)
    lost = under_watch.feed(source.lidar(1600), 300)
    assert states(lost) == ["ok"] + ["degraded"] * 299
    assert names(lost[-1]) == ["lidar_point_loss"]
    assert states(under_watch.feed(source.lidar(3000), 3))[-1] == "ok"


def test_a_creeping_loss_of_points_is_a_loss(source, bench):
    under_watch = bench("lidar", 100)
    under_watch.feed(source.lidar(4000), 15)
    verdicts = []
    for returns in range(4000, 1000, -10):
        verdicts += under_watch.feed(source.lidar(returns), 1)
    assert names(verdicts[-1]) == ["lidar_point_loss"]


def test_lost_rings_of_an_organised_cloud_are_counted_fairly():
    points = np.ones((2048 * 16, 4), np.float32)
    points.reshape(2048, 16, 4)[:, ::2] = np.nan
    assert lidar.count_returns(points) == pytest.approx(2048 * 8, rel=0.03)


@pytest.mark.parametrize("count", [0, 1, 5_000, 40_000, 131_072])
def test_the_number_of_returns_is_estimated_well(count):
    rng = np.random.default_rng(count)
    points = rng.normal(0, 10, (count, 4)).astype(np.float32)
    bad = rng.random(count) < 0.3
    points[bad, rng.integers(0, 3)] = rng.choice([np.nan, np.inf, -np.inf])
    points[rng.random(count) < 0.2, :3] = 0
    xyz = points[:, :3]
    exact = np.count_nonzero(np.isfinite(xyz).all(axis=1) & (xyz != 0).any(axis=1))
    assert lidar.count_returns(points) == pytest.approx(exact, rel=0.03, abs=0)


def test_a_collapse_and_a_storm_of_events_warn(source, bench):
    under_watch = bench("event", 10)
    under_watch.feed(source.event(700), 100)
    collapse = under_watch.feed(source.event(10), 15)[-1]
    assert (collapse.state, names(collapse)) == ("degraded", ["event_collapse"])
    assert under_watch.feed(source.event(700), 20)[-1].state == "ok"
    storm = under_watch.feed(source.event(12_000, columns=60), 15)[-1]
    assert (storm.state, names(storm)[0]) == ("degraded", "event_storm")


def test_a_storm_that_fills_the_quiet_regions_too_is_noise_and_leaves_the_events_out(source, bench):
    under_watch = bench("event", 10)
    under_watch.feed(source.event(700), 100)
    noise = under_watch.feed(source.event(12_000), 15)[-1]
    assert (noise.state, names(noise)) == ("failed", ["event_storm", "event_noise"])


def test_an_event_camera_at_rest_is_silent_with_every_right(source, bench):
    under_watch = bench("event", 10)
    at_rest = under_watch.feed(source.event(0.5), 60)
    silent = under_watch.feed(source.event(0), 60)
    moving = under_watch.feed(source.event(700, columns=80), 60)
    assert not any(v.findings for v in at_rest + silent + moving)
    assert event.check_collapse(0.0, 0.01, 0.05, 0.1) is None
    assert event.check_storm(15.0, 0.01, 10, 20) is None


def test_a_busy_scene_is_no_storm():
    assert event.check_storm(390.0, 40.0, 10, 20) is None
    assert event.check_storm(410.0, 40.0, 10, 20).threshold == 400.0


def test_event_frames_are_watched_by_their_times(bench):
    under_watch = bench("event", 33)
    image = np.zeros((4, 4, 3), np.uint8)
    good = under_watch.feed(lambda t: EventFrameRecord(t, "event", image), 9)
    assert good[-1].state == "ok"
    assert under_watch.wait(2000).state == "failed"
