"""Which samples, which chance: pure functions of the seed and the place in the run.

Nothing here keeps a state, so a resumed run needs none: sample number ``position`` of the whole
run, counted over epochs, workers and devices, is the same however often the run was broken off.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.train.recipe_parts import SubsetRecipe


class Stream(IntEnum):
    """Keeps apart the draws that share a seed."""

    ORDER = 0
    AUGMENTATION = 1
    SUBSET = 2
    NETWORK = 3


def generator(seed: int, stream: Stream, place: int) -> np.random.Generator:
    """Return the generator of one place of one stream."""
    return np.random.default_rng((seed, int(stream), place))


def sample_index(seed: int, position: int, count: int) -> int:
    """Return which of ``count`` samples comes at a position: each epoch is a fresh permutation."""
    epoch, place = divmod(position, count)
    return int(_order(seed, epoch, count)[place])


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    return generator(seed, Stream.ORDER, epoch).permutation(count)


def positions(update: int, part: int, rank: int, world: int, size: int, parts: int) -> range:
    """Return the positions of one forward pass on one device.

    Args:
        update: number of the update of the weights.
        part: which of its ``parts`` forward passes.
        rank: which of the ``world`` devices.
        world: number of devices.
        size: samples of one forward pass on one device.
        parts: forward passes of one update.
    """
    first = ((update * parts + part) * world + rank) * size
    return range(first, first + size)


def network_seed(seed: int, update: int, part: int, rank: int) -> int:
    """Return what torch is seeded with before a forward pass: drop-out, random paths and so on."""
    words = np.random.SeedSequence((seed, int(Stream.NETWORK), update, part, rank))
    return int(words.generate_state(1, np.uint64)[0] >> np.uint64(1))


def draw_subset(
    recipe: SubsetRecipe, modalities: tuple[str, ...], rng: np.random.Generator
) -> tuple[str, ...]:
    """Return the modalities of one forward pass, in the model's order.

    Args:
        recipe: how likely which subset is.
        modalities: all of them.
        rng: the source of chance.
    """
    if rng.random() < recipe.full:
        return modalities
    sizes = range(1, len(modalities) + 1)
    if recipe.sizes:
        weights = np.array((*recipe.sizes, *(0.0 for _ in sizes)))[: len(modalities)]
        size = int(rng.choice(sizes, p=weights / weights.sum()))
        subsets = list(combinations(modalities, size))
    else:
        subsets = [subset for size in sizes for subset in combinations(modalities, size)]
    return subsets[int(rng.integers(len(subsets)))]
