"""Training: recipes, the loop, and runs that resume exactly."""

from anyseg_core.train.allocator import keep_freed_memory
from anyseg_core.train.errors import TrainingError
from anyseg_core.train.overfit import Overfit, overfit_one_batch
from anyseg_core.train.recipe import Recipe, read_recipe
from anyseg_core.train.training import Outcome, RunOptions, train

__all__ = [
    "Outcome",
    "Overfit",
    "Recipe",
    "RunOptions",
    "TrainingError",
    "keep_freed_memory",
    "overfit_one_batch",
    "read_recipe",
    "train",
]
