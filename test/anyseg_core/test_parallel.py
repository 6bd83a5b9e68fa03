"""Work shared between two threads gives what one thread would give."""

import os
import threading

import numpy as np
import pytest

from anyseg_core.events import open_decoder
from anyseg_core.geometry import Camera
from anyseg_core.parallel import Scratch, run_halves
from anyseg_core.projection import bin_events, project_lidar, resize_rgb, voxel_grid
from anyseg_core.types import EventArray

WIDTH, HEIGHT = 31, 17


def make_events(count, seed=0):
    random = np.random.default_rng(seed)
    return EventArray(
        random.integers(0, WIDTH + 2, count).astype(np.uint16),
        random.integers(0, HEIGHT + 2, count).astype(np.uint16),
        np.sort(random.integers(1, 1000, count)),
        (random.random(count) < 0.9).astype(np.uint8),
    )


@pytest.mark.parametrize("size", [0, 1, 2, 7])
def test_two_halves_cover_everything_once(size):
    seen = []
    run_halves(lambda half, first, end: seen.extend((half, i) for i in range(first, end)), size)
    assert sorted(i for _, i in seen) == list(range(size))
    assert all(half == (i >= size // 2) for half, i in seen)


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_in_either_half_reaches_the_caller(failing):
    def part(half, first, end):
        del first, end
        if half == failing:
            raise ValueError("spoilt")

    with pytest.raises(ValueError, match="spoilt"):
        run_halves(part, 4)


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_a_helper_of_its_own():
    run_halves(lambda *_: None, 2)
    child = os.fork()
    if child == 0:
        done = threading.Event()
        run_halves(lambda half, *_: done.set() if half else None, 2)
        os._exit(0 if done.is_set() else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_scratch_is_kept_grows_and_is_each_threads_own():
    scratch = Scratch()
    first = scratch.array("a", 4, np.int32, -1)
    assert first.tolist() == [-1] * 4
    assert np.shares_memory(scratch.array("a", 2, np.int32, -1), first)
    assert scratch.array("a", 9, np.int32, -1).tolist() == [-1] * 9
    others = []
    thread = threading.Thread(target=lambda: others.append(scratch.array("a", 2, np.int32, -1)))
    thread.start()
    thread.join()
    assert not np.shares_memory(others[0], scratch.array("a", 2, np.int32, -1))


@pytest.mark.parametrize("count", [200, 39_999, 40_000, 700_000])
def test_pixels_with_more_events_than_a_byte_holds_are_counted_in_full(count):
    events = make_events(count)
    inside = (events.x < WIDTH) & (events.y < HEIGHT)
    expected = np.zeros((3, HEIGHT, WIDTH), np.float32)
    places = ((events.p == 0).astype(int), events.y, events.x)
    np.add.at(expected, tuple(index[inside] for index in places), 1)
    for _ in range(2):  # the second time with used memory
        assert np.array_equal(bin_events(events, WIDTH, HEIGHT), expected)
    if count >= 700_000:
        assert expected.max() > 2 * 256


def test_several_threads_may_count_at_once():
    given = [make_events(80_000, seed) for seed in range(4)]
    expected = [bin_events(events, WIDTH, HEIGHT) for events in given]
    found = [None] * 4

    def run(number):
        for _ in range(5):
            found[number] = bin_events(given[number], WIDTH, HEIGHT)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


def test_a_voxel_grid_of_many_events_is_the_sum_of_those_of_few():
    events = make_events(60_000)
    grid = voxel_grid(events, WIDTH, HEIGHT, 4, 0, 1000)
    expected = np.zeros(grid.shape)
    for first in range(0, 60_000, 5000):
        few = EventArray(*(getattr(events, name)[first : first + 5000] for name in
                           ("x", "y", "t_ns", "p")))  # fmt: skip
        expected += voxel_grid(few, WIDTH, HEIGHT, 4, 0, 1000)
    assert np.allclose(grid, expected, rtol=1e-4, atol=1e-3)
    assert np.array_equal(grid, voxel_grid(events, WIDTH, HEIGHT, 4, 0, 1000))


def test_many_mono_records_are_counted_in_one_pass_as_apart():
    random = np.random.default_rng(1)
    words = random.integers(0, 2**32, 2 * 120_000, np.uint32)
    words[1::2] &= 0x800F001F
    image = np.zeros((3, HEIGHT, WIDTH), np.float32)
    added = open_decoder("mono", WIDTH, HEIGHT).decode_into(words.tobytes(), image)
    events = open_decoder("mono", WIDTH, HEIGHT).decode(words.tobytes())
    assert added == len(events) == image.sum()
    assert np.array_equal(image, bin_events(events, WIDTH, HEIGHT))


@pytest.mark.parametrize("point_size", [1, 3])
def test_a_large_sweep_is_drawn_as_the_nearest_of_its_parts(point_size):
    random = np.random.default_rng(2)
    points = random.uniform((-9, -9, 1, 0), (9, 9, 30, 1), (50_000, 4)).astype(np.float32)
    points[::997] = points[0]
    camera = Camera(90, 70, ((60, 0, 45), (0, 60, 35), (0, 0, 1)), (-0.1, 0.01, 0, 0))
    whole = project_lidar(points, camera, np.eye(4), point_size=point_size)
    nearest = np.full((70, 90), np.inf, np.float32)
    height = np.zeros((70, 90), np.float32)
    for first in range(0, 50_000, 10_000):
        part = project_lidar(
            points[first : first + 10_000], camera, np.eye(4), point_size=point_size
        )
        nearer = part.valid & (part.channels[0] < nearest)
        nearest[nearer], height[nearer] = part.channels[0][nearer], part.channels[2][nearer]
    assert np.array_equal(whole.valid, np.isfinite(nearest))
    assert np.array_equal(whole.channels[0][whole.valid], nearest[whole.valid])
    assert np.array_equal(whole.channels[2][whole.valid], height[whole.valid])


def test_both_halves_of_a_large_image_are_resized():
    image = np.random.default_rng(3).integers(0, 256, (300, 400, 3), np.uint8)
    out = resize_rgb(image, 400, 300, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    assert np.allclose(out, image.transpose(2, 0, 1) / 255, atol=1e-6)
