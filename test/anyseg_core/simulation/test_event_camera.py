from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyseg_core.simulation.event_camera import EventCamera, _sort, crossings

STEP_NS = 20_000_000
T_NS = 1_700_000_000


def slow_crossings(before, after, offset, threshold, step_ns):
    """Walk each pixel's ladder of levels rung by rung."""
    found = []
    for pixel, (a, b, start) in enumerate(zip(before, after, offset, strict=True)):
        for rung in range(-200, 200):
            level = rung * threshold + start
            if a < level <= b or b < level <= a:
                found.append((pixel, int((level - a) / (b - a) * step_ns), int(b > a)))
    return found


levels = st.lists(st.integers(-2000, 2000), min_size=4, max_size=4)


@given(levels, levels)
@settings(max_examples=60, deadline=None)
def test_crossings_are_those_of_walking_up_and_down_a_ladder(first, second):
    before, after = np.array(first) / 1000 + 1e-5, np.array(second) / 1000 + 1e-5
    offset = np.array([0.0, 0.07, 0.13, 0.2])
    pixel, time, sign = crossings(before, after, offset, 0.25, 0, STEP_NS)
    wanted = sorted(slow_crossings(before, after, offset, 0.25, STEP_NS))
    got = sorted(zip(pixel.tolist(), time.tolist(), sign.tolist(), strict=True))
    assert [(p, s) for p, _, s in got] == [(p, s) for p, _, s in wanted]
    for (_, t, _), (_, t_wanted, _) in zip(got, wanted, strict=True):
        assert abs(t - t_wanted) <= 2


def array_crossings(before, after, offset, threshold, start_ns, step_ns):
    """Find the crossings of all pixels at once, rung by rung."""
    first = np.floor((before - offset) / threshold).astype(np.int64)
    last = np.floor((after - offset) / threshold).astype(np.int64)
    count = np.abs(last - first)
    pixel = np.repeat(np.arange(len(before)), count)
    nth = np.arange(len(pixel)) - np.repeat(np.cumsum(count) - count, count)
    rising = (last > first)[pixel]
    level = np.where(rising, first[pixel] + 1 + nth, first[pixel] - nth)
    height = level * threshold + offset[pixel]
    share = (height - before[pixel]) / (after - before)[pixel]
    time_ns = start_ns + np.floor(np.clip(share, 0.0, 1.0) * (step_ns - 1)).astype(np.int64)
    return pixel, time_ns, rising.astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_crossings_are_those_of_the_array_expression_to_the_nanosecond(dtype):
    before, after, offset = np.random.default_rng(1).uniform(-2, 2, (3, 3000)).astype(dtype)
    got = crossings(before, after, offset, 0.25, 7, STEP_NS)
    wanted = array_crossings(before, after, offset, 0.25, 7, STEP_NS)
    for mine, theirs in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@given(st.integers(0, 400), st.sampled_from([3, 3000, 5_000_000_000]), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_events_are_put_in_the_order_of_a_stable_sort(count, most, seed):
    rng = np.random.default_rng(seed)
    major, minor = rng.integers(0, most, count), rng.integers(0, 5000, count)
    order = np.empty(count, np.int64)
    _sort(major, minor, order)
    np.testing.assert_array_equal(order, np.lexsort((minor, major)))


def camera_of(noise_hz=0.0):
    return EventCamera(8, 8, 0.25, STEP_NS, noise_hz, seed=0)


def ramp(slope):
    """Return frames whose left half grows brighter by ``slope`` per second."""

    def frame(t_ns):
        image = np.zeros((8, 8), np.float32)
        image[:, :4] = slope * t_ns * 1e-9
        return image

    return frame


@pytest.mark.parametrize("slope", [12.0, -12.0])
def test_polarity_follows_the_brightness(slope):
    camera = camera_of()
    events = camera.window(ramp(slope), 0, 200_000_000)
    hot = np.isin(events.y.astype(int) * 8 + events.x, camera._hot)
    left = (events.x < 4) & ~hot
    assert left.sum() > 200
    assert (events.p[left] == (1 if slope > 0 else 0)).all()
    assert not ((events.x >= 4) & ~hot).any()


def test_as_many_events_come_as_levels_are_crossed():
    camera = camera_of()
    events = camera.window(ramp(10.0), 0, 1_000_000_000)
    hot = np.isin(events.y.astype(int) * 8 + events.x, camera._hot)
    _, count = np.unique(events.x[~hot] + 8 * events.y[~hot].astype(int), return_counts=True)
    assert set(count.tolist()) <= {39, 40, 41}


@given(st.integers(1, 199_999_999))
@settings(max_examples=25, deadline=None)
def test_two_windows_in_a_row_hold_what_one_long_window_holds(cut_ns):
    camera = camera_of(noise_hz=20.0)
    whole = camera.window(ramp(5.0), 0, 200_000_000)
    first, second = (
        camera.window(ramp(5.0), 0, cut_ns),
        camera.window(ramp(5.0), cut_ns, 200_000_000),
    )
    for name in ("x", "y", "t_ns", "p"):
        joined = np.concatenate([getattr(first, name), getattr(second, name)])
        np.testing.assert_array_equal(joined, getattr(whole, name))


def test_noise_comes_at_its_rate_and_hot_pixels_stand_out():
    camera = EventCamera(64, 64, 0.25, STEP_NS, 5.0, seed=1)
    events = camera.window(lambda _: np.zeros((64, 64), np.float32), 0, 2_000_000_000)
    count = np.bincount(events.y.astype(int) * 64 + events.x, minlength=64 * 64)
    hot = np.zeros(64 * 64, bool)
    hot[camera._hot] = True
    assert count[~hot].mean() == pytest.approx(10.0, rel=0.05)
    assert count[hot].min() > 200


def test_the_rig_s_events_are_in_order_within_their_window_and_on_the_sensor(rig):
    record = rig.events(T_NS - 50_000_000, T_NS)
    events = record.events
    assert len(events) > 200
    assert np.all(np.diff(events.t_ns) >= 0)
    assert record.stamp_ns == events.t_ns[0] >= T_NS - 50_000_000
    assert events.t_ns[-1] < T_NS
    assert events.x.max() < record.width == 96
    assert events.y.max() < record.height == 96
    assert (events.x.dtype, events.y.dtype) == (np.uint16, np.uint16)
    assert (events.t_ns.dtype, events.p.dtype) == (np.int64, np.uint8)


def test_where_the_rig_s_picture_grows_brighter_positive_events_prevail(rig):
    step = rig.config.event_step_ns
    start = T_NS // step * step
    events = rig.events(start, start + step).events
    change = rig._voltage(start + step) - rig._voltage(start)
    signed = np.zeros((96, 96))
    np.add.at(signed, (events.y, events.x), 2.0 * events.p - 1.0)
    for sign in (-1, 1):
        strong = sign * change > 0.6
        assert strong.sum() > 20
        assert (sign * signed[strong] > 0).mean() > 0.97
