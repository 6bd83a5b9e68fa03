"""A check before a long run: can the network learn one batch by heart?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING

from anyseg_core.train.batches import BatchSource
from anyseg_core.train.engine import Engine
from anyseg_core.train.errors import TrainingError
from anyseg_core.train.network import build_network
from anyseg_core.train.progress import ProgressDisplay

if TYPE_CHECKING:
    from anyseg_core.data import SegmentationDataset
    from anyseg_core.train.recipe import Recipe

SUFFICIENT = 0.5
"""The loss must fall below this share of its first value."""

_MEAN_OF = 5


@dataclass(frozen=True, slots=True)
class Overfit:
    """What the check saw.

    Attributes:
        first: loss of the first update.
        last: mean loss of the last five updates.
    """

    first: float
    last: float


def overfit_one_batch(
    recipe: Recipe, training: SegmentationDataset, updates: int, *, cpu: bool = False
) -> Overfit:
    """Train on the run's first batch alone, at the recipe's full learning rate.

    Args:
        recipe: of the run.
        training: the split to take the batch from.
        updates: how many, at least 10.
        cpu: train on processors, whatever else there is.

    Raises:
        TrainingError: the loss did not halve: weights, labels or learning rate are wrong.
    """
    model = build_network(recipe.model, len(training.classes), training.modalities, recipe.seed)
    engine = Engine(model, recipe, training, None, cpu=cpu)
    try:
        batches = repeat(BatchSource(training, recipe, engine.place)[0])
        losses = []
        with ProgressDisplay(updates, 0, shown=engine.main) as display:
            for number in range(updates):
                losses.append(sum(engine.update(number, recipe.optimiser.lr, batches).values()))
                display.step(losses[-1], recipe.optimiser.lr)
    finally:
        engine.close()
    result = Overfit(losses[0], sum(losses[-_MEAN_OF:]) / len(losses[-_MEAN_OF:]))
    if not result.last < SUFFICIENT * result.first:
        raise TrainingError(
            f"a loss that went from {result.first:.3f} to {result.last:.3f} in {updates} updates "
            "on one batch",
            f"a fall below {SUFFICIENT * result.first:.3f}",
            "check the labels and the normalisation, raise optimiser.lr tenfold, or allow more "
            "updates with --steps",
        )
    return result
