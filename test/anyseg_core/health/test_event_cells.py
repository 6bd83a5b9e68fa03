"""Noise all over an event camera, and regions that see nothing."""

import numpy as np
import pytest

from anyseg_core.health import event_cells
from anyseg_core.types import EventArray, EventRecord

WIDTH, HEIGHT = 96, 72


def names(verdict):
    return [finding.detector for finding in verdict.findings]


def scene(rng, edges=500, noise=60, hide=None):
    """Packets of 10 ms: edges in four fifths of the columns, noise everywhere."""

    def make(t):
        x = np.concatenate([rng.integers(0, 77, edges), rng.integers(0, WIDTH, noise)])
        y = rng.integers(0, HEIGHT, len(x))
        keep = np.ones(len(x), bool) if hide is None else ~hide(x, y)
        x, y = x[keep].astype(np.uint16), y[keep].astype(np.uint16)
        events = EventArray(x, y, np.full(len(x), t), np.ones(len(x), np.uint8))
        return EventRecord(t, "event", events, WIDTH, HEIGHT)

    return make


def test_noise_in_the_quiet_regions_is_told_and_more_edges_are_not(bench):
    rng = np.random.default_rng(1)
    under_watch = bench("event", 10)
    under_watch.feed(scene(rng), 120)
    assert not names(under_watch.feed(scene(rng, edges=1500), 20)[-1])
    assert names(under_watch.feed(scene(rng, noise=1500), 20)[-1]) == ["event_noise"]


def test_dirt_on_part_of_the_lens_is_told(bench):
    rng = np.random.default_rng(1)
    under_watch = bench("event", 10)
    under_watch.feed(scene(rng), 120)
    hidden = scene(rng, hide=lambda x, y: (x > 20) & (x < 65) & (y > 15) & (y < 60))
    assert names(under_watch.feed(hidden, 100)[-1]) == ["event_blocked"]


def test_a_camera_that_comes_to_rest_is_not_blocked(bench):
    rng = np.random.default_rng(1)
    under_watch = bench("event", 10)
    under_watch.feed(scene(rng), 120)
    rest = under_watch.feed(scene(rng, edges=60), 150)
    assert not any("event_blocked" in names(verdict) for verdict in rest)


@pytest.mark.parametrize("count", [0, 500, 60_000])
def test_cell_counts_agree_with_a_loop(count):
    rng = np.random.default_rng(count)
    x, y = rng.integers(0, 101, count), rng.integers(0, 75, count)
    events = EventArray(
        x.astype(np.uint16),
        y.astype(np.uint16),
        np.zeros(count, np.int64),
        np.ones(count, np.uint8),
    )
    expected = np.zeros(64)
    for a, b in zip(x, y, strict=True):
        expected[b * 8 // 75 * 8 + a * 8 // 101] += 1
    found = event_cells.cell_counts(events, 101, 75)
    assert found.sum() == pytest.approx(count, abs=4)
    np.testing.assert_allclose(found, expected, atol=0 if count < 1000 else 0.25 * expected.max())


def test_the_background_is_that_of_the_quietest_cells():
    counts = np.full(64, 1000.0)
    counts[:8] = 10.0
    # 64 pixels a cell, half a second: 10 events are 0.3 a pixel and second.
    background = event_cells.measure_background_hz(counts, 64 * 64 * 0.5)
    assert background == pytest.approx(10 / 64 / 0.5)
