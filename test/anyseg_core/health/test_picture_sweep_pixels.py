"""The detectors of lens, sweep and event pixels: each finds its fault, and their oracles agree."""

import cv2
import numpy as np
import pytest

from anyseg_core.health import event_pixels, picture, sweep
from anyseg_core.types import EventArray, EventRecord, LidarRecord, RgbRecord


def names(verdict):
    return [finding.detector for finding in verdict.findings]


def textured(rng, gain=1.0):
    noisy = gain * rng.integers(30, 220, (72, 96, 1)) + rng.normal(0, 2, (72, 96, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def test_a_blurred_picture_is_told_whatever_its_brightness(bench):
    under_watch = bench("rgb", 33)
    rng = np.random.default_rng(7)
    under_watch.feed(lambda t: RgbRecord(t, "camera", textured(rng)), 15)
    assert not names(under_watch.feed(lambda t: RgbRecord(t, "camera", textured(rng, 0.6)), 5)[-1])
    blurred = under_watch.feed(
        lambda t: RgbRecord(t, "camera", cv2.blur(textured(rng), (15, 1))), 3
    )[-1]
    assert names(blurred) == ["rgb_blurred"]
    assert blurred.usable


def test_a_blocked_region_is_told(source, bench):
    def blocked(t):
        image = source.image()
        image[20:60, 20:70] = 0
        return source.rgb(image)(t)

    under_watch = bench("rgb", 33)
    under_watch.feed(source.rgb(), 15)
    assert names(under_watch.feed(blocked, 3)[-1]) == ["rgb_blocked"]


def test_another_size_is_told_until_it_is_the_usual(source, bench):
    under_watch = bench("rgb", 33)
    under_watch.feed(source.rgb(), 15)
    small = under_watch.feed(lambda t: RgbRecord(t, "camera", source.image()[::2, ::2]), 120)
    assert names(small[2]) == ["rgb_size"]
    assert not names(small[-1])


def test_the_share_of_blocked_cells_agrees_with_counting():
    rng = np.random.default_rng(2)
    sample = rng.integers(0, 14, (48, 80, 3)).astype(np.uint8)
    sample[:20, :30] = 3
    cells = [sample[6 * r : 6 * r + 6, 10 * c : 10 * c + 10, 1] for r in range(8) for c in range(8)]
    expected = sum(cell.max() <= 10 for cell in cells) / 64
    assert 0 < expected < 1
    assert picture.measure_blocked_share(sample, 10) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["lidar_lost_sector", "lidar_lost_rings"])
def test_lost_sectors_and_rings_are_told_and_nothing_else(bench, street, name):
    rng = np.random.default_rng(4)
    under_watch = bench("lidar", 100)
    clean = under_watch.feed(lambda t: LidarRecord(t, "lidar", street(rng)), 20)
    assert not any(names(verdict) for verdict in clean)
    lost = under_watch.feed(lambda t: LidarRecord(t, "lidar", street(rng, lost=name)), 3)
    assert names(lost[-1]) == [name]


def test_drops_in_the_air_are_noise(bench, street):
    rng = np.random.default_rng(4)

    def rainy(t):
        points = street(rng)
        drops = rng.random(len(points)) < 0.15
        points[drops, :3] *= 0.4
        return LidarRecord(t, "lidar", points)

    under_watch = bench("lidar", 100)
    under_watch.feed(lambda t: LidarRecord(t, "lidar", street(rng)), 15)
    assert "lidar_noise" in names(under_watch.feed(rainy, 3)[-1])


def test_the_share_of_spikes_agrees_with_a_loop():
    rng = np.random.default_rng(6)
    points = rng.normal(0, 4, (500, 4)).astype(np.float32)
    points[rng.random(500) < 0.1] = np.nan
    reach = np.linalg.norm(points[:, :3], axis=1)
    triples = [reach[i - 1 : i + 2] for i in range(1, 499)]
    known = [t for t in triples if np.isfinite(t).all()]
    spikes = [t for t in known if t[1] < 0.8 * min(t[0], t[2])]
    assert sweep.measure_spikes(points) == pytest.approx(len(spikes) / len(known))


def packets(rng, count, coarse=1, hot=0):
    def make(t):
        x = rng.integers(0, 96, count) // coarse * coarse
        y = rng.integers(0, 72, count) // coarse * coarse
        x[:hot], y[:hot] = 5, 7
        return EventRecord(
            t,
            "event",
            EventArray(
                x.astype(np.uint16),
                y.astype(np.uint16),
                np.full(count, t),
                np.ones(count, np.uint8),
            ),
            96,
            72,
        )

    return make


def test_hot_pixels_and_a_coarse_sensor_are_told(bench):
    rng = np.random.default_rng(8)
    for change, name in (
        ({"hot": 300}, "event_hot_pixels"),
        ({"coarse": 2}, "event_low_resolution"),
    ):
        under_watch = bench("event", 10)
        assert not names(under_watch.feed(packets(rng, 700), 120)[-1])
        assert names(under_watch.feed(packets(rng, 700, **change), 20)[-1]) == [name]


def test_counts_by_azimuth_and_elevation_agree_with_numpys_histograms():
    points = np.random.default_rng(2).normal(0, 10, (5000, 3)).astype(np.float32)
    x, y, z = points.astype(np.float64).T
    azimuth = np.degrees(np.arctan2(y, x))
    elevation = np.clip(np.arctan2(z, np.hypot(x, y)), -0.895, 0.885)
    sectors, bands = sweep.sector_and_band_counts(points)
    np.testing.assert_array_equal(sectors, np.histogram(azimuth, np.arange(-180, 181, 10))[0])
    edges = 0.02 * (np.arange(91) - 45.5)
    np.testing.assert_array_equal(bands, np.histogram(elevation, edges)[0])


def test_the_share_from_hot_pixels_agrees_with_counting():
    rng = np.random.default_rng(9)
    pixels = rng.integers(0, 40, 300, np.int32)
    expected = np.mean([np.count_nonzero(pixels == pixel) >= 8 for pixel in pixels])
    assert event_pixels.measure_hot_share(pixels, 8) == pytest.approx(expected)
    assert event_pixels.measure_hot_share(pixels[:0], 8) == 0


def test_the_share_of_lines_used_agrees_with_counting():
    rng = np.random.default_rng(9)
    x, y = 2 * rng.integers(10, 40, 100), rng.integers(20, 90, 100)
    shares = [len(set(lines)) / (max(lines) - min(lines) + 1) for lines in (x, y)]
    assert shares[0] < shares[1] < 1
    columns, rows = np.isin(np.arange(100), x), np.isin(np.arange(120), y)
    for lines in ((columns, rows), (rows, columns)):
        assert event_pixels.measure_lines_used(*lines) == pytest.approx(shares[1])


def test_events_beside_the_sensor_are_left_out_of_its_pixels(bench):
    under_watch = bench("event", 10)

    def wild(t):
        x = np.array([5, 65535, 96, 7], np.uint16)
        y = np.array([5, 3, 3, 65535], np.uint16)
        events = EventArray(x, y, np.full(4, t), np.ones(4, np.uint8))
        return EventRecord(t, "event", events, 96, 72)

    assert all(verdict.has_data for verdict in under_watch.feed(wild, 50))


def test_a_noisy_picture_is_told(source, bench):
    def noisy(t):
        image = source.image() + source.rng.normal(0, 60, (72, 96, 3))
        return RgbRecord(t, "camera", np.clip(image, 0, 255).astype(np.uint8))

    under_watch = bench("rgb", 33)
    under_watch.feed(source.rgb(), 15)
    assert names(under_watch.feed(noisy, 3)[-1]) == ["rgb_noisy"]


def test_a_packet_that_comes_again_and_again_is_told(source, bench):
    under_watch = bench("event", 10)
    under_watch.feed(source.event(), 30)
    events = source.event()(0).events
    stuck = under_watch.feed(lambda t: EventRecord(t, "event", events, 96, 72), 8)
    assert "event_frozen" in names(stuck[-1])
    assert not names(under_watch.feed(source.event(), 30)[-1])
