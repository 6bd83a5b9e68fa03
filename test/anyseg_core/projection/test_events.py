"""Events in the image plane against slow, obvious ways to do the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.projection.events import bin_events, time_surface, voxel_grid
from anyseg_core.types import EventArray

WIDTH, HEIGHT = 7, 5
INTEGERS = ["uint8", "uint16", "int16", "int32", "uint32", "int64", "uint64"]


def make(x, y, t_ns, p):
    return EventArray(
        np.array(x, np.uint16), np.array(y, np.uint16), np.array(t_ns, np.int64),
        np.array(p, np.uint8),
    )  # fmt: skip


EMPTY = make([], [], [], [])


@st.composite
def event_arrays(draw):
    """Events on and off a 7 x 5 image, in any integer type, contiguous or not."""
    size = draw(st.integers(0, 40))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    step = draw(st.sampled_from([1, 2, -1]))
    columns = []
    for low, high, types in (
        (-3, 10, INTEGERS), (-3, 8, INTEGERS), (0, 100, ["int64", "uint32"]),
        (-1, 2, ["uint8", "int8", "bool", "int64"]),
    ):  # fmt: skip
        dtype = np.dtype(draw(st.sampled_from(types)))
        floor = low if dtype.kind == "i" else 0
        values = rng.integers(floor, high, size * abs(step)).astype(dtype)
        columns.append(values[::step])
    return EventArray(*columns)


def slow_counts(events, start_ns=-1, end_ns=10**18):
    image = np.zeros((3, HEIGHT, WIDTH), np.float32)
    x, y, t_ns = (np.asarray(a).astype(np.int64) for a in (events.x, events.y, events.t_ns))
    keep = (x >= 0) & (x < WIDTH) & (y >= 0) & (y < HEIGHT) & (t_ns > start_ns) & (t_ns <= end_ns)
    channel = np.where(np.asarray(events.p).astype(np.int64) > 0, 0, 1)
    np.add.at(image, (channel[keep], y[keep], x[keep]), 1)
    return image


def slow_voxels(events, bins, start_ns, end_ns):
    grid = np.zeros((bins, HEIGHT, WIDTH))
    for x, y, t_ns, p in zip(events.x, events.y, events.t_ns, events.p, strict=True):
        if 0 <= x < WIDTH and 0 <= y < HEIGHT and start_ns < t_ns <= end_ns:
            position = (bins - 1) * (int(t_ns) - start_ns) / (end_ns - start_ns)
            for b in range(bins):
                share = max(0.0, 1.0 - abs(b - position))
                grid[b, int(y), int(x)] += share if p > 0 else -share
    return grid


def slow_surface(events, end_ns, decay_ns):
    surface = np.zeros((3, HEIGHT, WIDTH))
    latest = {}
    for x, y, t_ns, p in zip(events.x, events.y, events.t_ns, events.p, strict=True):
        if 0 <= x < WIDTH and 0 <= y < HEIGHT and t_ns <= end_ns:
            place = (0 if p > 0 else 1, int(y), int(x))
            latest[place] = max(latest.get(place, -(10**18)), int(t_ns))
    for place, t_ns in latest.items():
        surface[place] = np.exp((t_ns - end_ns) / decay_ns)
    return surface


@settings(max_examples=300, deadline=None)
@given(events=event_arrays())
def test_counts_are_those_of_adding_one_by_one(events):
    image = bin_events(events, WIDTH, HEIGHT)
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, slow_counts(events))


@settings(max_examples=200, deadline=None)
@given(events=event_arrays(), start_ns=st.integers(0, 100), end_ns=st.integers(0, 100))
def test_counts_of_a_window_are_those_of_adding_one_by_one(events, start_ns, end_ns):
    image = bin_events(events, WIDTH, HEIGHT, t_start_ns=start_ns, t_end_ns=end_ns)
    np.testing.assert_array_equal(image, slow_counts(events, start_ns, end_ns))


@settings(max_examples=200, deadline=None)
@given(events=event_arrays(), bins=st.integers(1, 6), start=st.integers(0, 99), data=st.data())
def test_the_voxel_grid_is_that_of_the_definition(events, bins, start, data):
    end = data.draw(st.integers(start + 1, 101))
    grid = voxel_grid(events, WIDTH, HEIGHT, bins, start, end)
    assert grid.dtype == np.float32
    np.testing.assert_allclose(grid, slow_voxels(events, bins, start, end), atol=1e-5)


@settings(max_examples=200, deadline=None)
@given(events=event_arrays(), end_ns=st.integers(0, 100), decay_ns=st.integers(1, 200))
def test_the_time_surface_is_that_of_the_definition(events, end_ns, decay_ns):
    surface = time_surface(events, WIDTH, HEIGHT, end_ns, decay_ns)
    assert surface.dtype == np.float32
    np.testing.assert_allclose(surface, slow_surface(events, end_ns, decay_ns), atol=1e-6)


def test_positive_events_count_in_channel_0_and_negative_in_channel_1():
    image = bin_events(make([1, 1, 2], [3, 3, 4], [0, 0, 0], [1, 1, 0]), WIDTH, HEIGHT)
    assert image[0, 3, 1] == 2
    assert image[1, 4, 2] == 1
    assert image.sum() == 3


def test_a_window_leaves_out_its_start_and_takes_in_its_end():
    events = make([0, 1, 2], [0, 0, 0], [10, 11, 20], [1, 1, 1])
    image = bin_events(events, WIDTH, HEIGHT, t_start_ns=10, t_end_ns=20)
    assert image[0, 0].tolist() == [0, 1, 1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("bound", "counted"), [({"t_start_ns": 11}, [0, 0, 1]), ({"t_end_ns": 11}, [1, 1, 0])]
)
def test_one_bound_alone_leaves_the_other_side_open(bound, counted):
    events = make([0, 1, 2], [0, 0, 0], [-(2**62), 11, 2**62], [1, 1, 1])
    assert bin_events(events, WIDTH, HEIGHT, **bound)[0, 0, :3].tolist() == counted


def test_windows_that_meet_count_every_event_once():
    events = make(np.arange(7), np.zeros(7), np.arange(7), np.ones(7))
    parts = [
        bin_events(events, WIDTH, HEIGHT, t_start_ns=start, t_end_ns=start + 2)
        for start in (-2, 0, 2, 4)
    ]
    np.testing.assert_array_equal(sum(parts), bin_events(events, WIDTH, HEIGHT))


def test_a_voxel_event_is_shared_between_the_two_nearest_bins():
    grid = voxel_grid(make([1, 2], [0, 0], [125, 200], [1, 0]), WIDTH, HEIGHT, 3, 100, 200)
    assert grid[:, 0, 1].tolist() == [0.5, 0.5, 0]
    assert grid[:, 0, 2].tolist() == [0, 0, -1]


def test_times_of_this_century_keep_their_nanoseconds():
    now_ns = 1_790_000_000_000_000_000
    events = make([1, 2], [0, 0], [now_ns + 1, now_ns + 4], [1, 1])
    grid = voxel_grid(events, WIDTH, HEIGHT, 5, now_ns, now_ns + 4)
    assert grid[:, 0, 1].tolist() == [0, 1, 0, 0, 0]
    surface = time_surface(events, WIDTH, HEIGHT, now_ns + 4, 3)
    np.testing.assert_allclose(surface[0, 0, 1:3], [np.exp(-1), 1], rtol=1e-6)


def test_a_step_back_in_time_does_not_lower_the_surface():
    surface = time_surface(make([1, 1], [0, 0], [9, 5], [1, 1]), WIDTH, HEIGHT, 10, 10)
    np.testing.assert_allclose(surface[0, 0, 1], np.exp(-0.1), rtol=1e-6)


IMAGES = {
    "counts": (3, lambda events, out: bin_events(events, WIDTH, HEIGHT, out=out)),
    "voxels": (5, lambda events, out: voxel_grid(events, WIDTH, HEIGHT, 5, 0, 9, out=out)),
    "surface": (3, lambda events, out: time_surface(events, WIDTH, HEIGHT, 9, 5, out=out)),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_no_events_make_an_image_of_zeros(kind):
    channels, make_image = IMAGES[kind]
    np.testing.assert_array_equal(make_image(EMPTY, None), np.zeros((channels, HEIGHT, WIDTH)))


@pytest.mark.parametrize("kind", IMAGES)
def test_out_is_overwritten_and_returned(kind):
    channels, make_image = IMAGES[kind]
    events = make([1, 2], [3, 4], [5, 6], [1, 0])
    out = np.full((channels, HEIGHT, WIDTH), 9, np.float32)
    assert make_image(events, out) is out
    np.testing.assert_array_equal(out, make_image(events, None))


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize(
    "out",
    [
        np.zeros((3, HEIGHT, WIDTH)),
        np.zeros((4, HEIGHT, WIDTH), np.float32),
        np.zeros((3, WIDTH, HEIGHT), np.float32),
        np.zeros((5, HEIGHT, 2 * WIDTH), np.float32)[:, :, ::2],
        np.broadcast_to(np.float32(0), (3, HEIGHT, WIDTH)),
    ],
    ids=["float64", "channels", "transposed", "strided", "read-only"],
)
def test_an_output_that_does_not_fit_is_refused(kind, out):
    with pytest.raises(ConfigurationError, match="output"):
        IMAGES[kind][1](EMPTY, out)


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize(
    "events",
    [
        EventArray(EMPTY.x, EMPTY.y, EMPTY.t_ns, np.zeros(1, np.uint8)),
        EventArray(np.zeros(2, np.uint16), EMPTY.y, EMPTY.t_ns, EMPTY.p),
        EventArray(EMPTY.x.astype(float), EMPTY.y, EMPTY.t_ns, EMPTY.p),
        EventArray(*(np.zeros((2, 2), np.uint16) for _ in range(4))),
    ],
    ids=["long p", "long x", "float x", "two dimensions"],
)
def test_arrays_that_do_not_belong_together_are_refused(kind, events):
    with pytest.raises(RecordError, match="integer arrays of equal length"):
        IMAGES[kind][1](events, None)


@pytest.mark.parametrize(("width", "height"), [(0, 5), (7, 0), (65536, 5), (-7, 5)])
def test_an_impossible_image_size_is_refused(width, height):
    with pytest.raises(ConfigurationError, match="image"):
        bin_events(EMPTY, width, height)


@pytest.mark.parametrize(("bins", "start", "end"), [(0, 0, 1), (3, 5, 5), (3, 6, 5)])
def test_a_voxel_grid_without_bins_or_time_is_refused(bins, start, end):
    with pytest.raises(ConfigurationError, match="bins over the window"):
        voxel_grid(EMPTY, WIDTH, HEIGHT, bins, start, end)


def test_a_time_surface_without_decay_is_refused():
    with pytest.raises(ConfigurationError, match="decay"):
        time_surface(EMPTY, WIDTH, HEIGHT, 9, 0)


def test_read_only_strided_and_writable_arrays_give_one_image():
    plain = make([1, 2, 1], [2, 3, 2], [3, 4, 5], [1, 0, 1])
    arrays = [np.repeat(array, 2)[::2] for array in (plain.x, plain.y, plain.t_ns, plain.p)]
    for array in arrays:
        array.flags.writeable = False
    strange = EventArray(*arrays)
    assert np.array_equal(bin_events(strange, WIDTH, HEIGHT), bin_events(plain, WIDTH, HEIGHT))
    grids = [voxel_grid(events, WIDTH, HEIGHT, 3, 0, 9) for events in (plain, strange)]
    assert np.array_equal(*grids)
    surfaces = [time_surface(events, WIDTH, HEIGHT, 9, 9) for events in (plain, strange)]
    assert np.array_equal(*surfaces)


def many_events(order):
    """More events than cells by far, so that the voxel grid sorts them; some lie outside."""
    random = np.random.default_rng(7)
    count = 200_000
    t_ns = random.integers(90, 1_010, count)
    if order == "sorted":
        t_ns.sort()
    elif order == "one step back":
        t_ns = np.roll(np.sort(t_ns), 30_001)
    return EventArray(
        random.integers(0, 70, count).astype(np.uint16),
        random.integers(0, 530, count).astype(np.uint16),
        1_700_000_000_000_000_000 + t_ns,
        random.integers(0, 2, count).astype(np.uint8),
    )


@pytest.mark.parametrize("order", ["sorted", "one step back", "random"])
@pytest.mark.parametrize("bins", [1, 2, 5, 7])
def test_many_events_make_the_same_grid_in_any_order(bins, order):
    events, width, height = many_events(order), 64, 520
    start_ns, end_ns = 1_700_000_000_000_000_100, 1_700_000_000_000_001_000
    inside = (events.x < width) & (events.y < height)
    inside &= (events.t_ns > start_ns) & (events.t_ns <= end_ns)
    x, y, t_ns = (column[inside].astype(int) for column in (events.x, events.y, events.t_ns))
    sign = np.where(events.p[inside] > 0, 1.0, -1.0)
    position = (t_ns - start_ns) * (bins - 1) / (end_ns - start_ns)
    expected = np.zeros((bins, height, width))
    for b in range(bins):
        np.add.at(expected[b], (y, x), sign * np.maximum(0, 1 - np.abs(b - position)))
    for _ in range(2):  # the second finds the memory of the first
        grid = voxel_grid(events, width, height, bins, start_ns, end_ns)
        np.testing.assert_allclose(grid, expected, atol=1e-5)


def test_a_pixel_may_hold_every_event_there_is():
    count = 100_000
    t_ns = np.linspace(1, 1000, count).astype(np.int64)
    zeros = np.zeros(count, np.uint16)
    grid = voxel_grid(EventArray(zeros, zeros, t_ns, np.ones(count, np.uint8)), 8, 8, 3, 0, 1000)
    later = ((t_ns - 1e-9) % 500) / 500
    assert grid[:, 0, 0].sum() == pytest.approx(count, rel=1e-6)
    assert grid[2, 0, 0] == pytest.approx(later[t_ns > 500].sum(), rel=1e-5)
    assert not grid.reshape(3, -1)[:, 1:].any()
