from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyseg_core.train.recipe_parts import SubsetRecipe
from anyseg_core.train.sampling import (
    Stream,
    draw_subset,
    generator,
    network_seed,
    positions,
    sample_index,
)

NAMES = ("rgb", "depth", "event", "lidar")


@given(st.integers(0, 2**31), st.integers(1, 40), st.integers(0, 3))
def test_each_epoch_is_a_permutation(seed, count, epoch):
    seen = [sample_index(seed, epoch * count + i, count) for i in range(count)]
    assert sorted(seen) == list(range(count))


def test_epochs_and_seeds_differ_but_calls_do_not():
    def order(seed, epoch):
        return [sample_index(seed, epoch * 50 + i, 50) for i in range(50)]

    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)
    assert order(1, 0) == order(1, 0)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(0, 3))
def test_devices_and_parts_share_the_order_without_gap_or_overlap(world, parts, size, updates):
    seen = [
        position
        for update in range(updates)
        for part in range(parts)
        for rank in range(world)
        for position in positions(update, part, rank, world, size, parts)
    ]
    assert seen == list(range(updates * world * parts * size))


def test_network_seeds_of_updates_parts_and_ranks_all_differ():
    seeds = {
        network_seed(seed, *place)
        for seed in (0, 1)
        for place in [(u, p, r) for u in range(4) for p in range(3) for r in range(3)]
    }
    assert len(seeds) == 2 * 36
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_streams_of_one_seed_and_place_differ():
    assert len({generator(1, stream, 5).random() for stream in Stream}) == len(Stream)


def _drawn(recipe, count=6000):
    rng = np.random.default_rng(0)
    return Counter(draw_subset(recipe, NAMES, rng) for _ in range(count))


def test_by_default_every_step_sees_all_modalities():
    assert set(_drawn(SubsetRecipe(), 50)) == {NAMES}


def test_without_sizes_the_fifteen_subsets_are_alike_in_the_models_order():
    drawn = _drawn(SubsetRecipe(full=0.0))
    assert len(drawn) == 15
    assert all(300 < count < 500 for count in drawn.values())
    assert all(sorted(subset, key=NAMES.index) == list(subset) for subset in drawn)


def test_sizes_weigh_how_many_modalities_are_seen():
    drawn = _drawn(SubsetRecipe(full=0.25, sizes=(3, 1)))
    by_size = Counter()
    for subset, count in drawn.items():
        by_size[len(subset)] += count / 6000
    assert by_size == pytest.approx({4: 0.25, 1: 0.5625, 2: 0.1875}, abs=0.03)
