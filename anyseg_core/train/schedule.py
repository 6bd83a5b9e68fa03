"""The learning rate as a function of the update's number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyseg_core.train.recipe_parts import ScheduleRecipe


@dataclass(frozen=True, slots=True)
class Schedule:
    """A recipe's schedule in updates.

    Attributes:
        updates: how many there are.
        warmup: how many the linear warm-up takes.
        hold: how many the constant part takes.
        warmup_ratio: where the warm-up starts.
        power: of the polynomial fall.
    """

    updates: int
    warmup: int
    hold: int
    warmup_ratio: float
    power: float

    @staticmethod
    def of(recipe: ScheduleRecipe, updates_per_epoch: float) -> Schedule:
        """Turn a recipe's epochs into updates; an epoch need not be a whole number of them."""
        unit = updates_per_epoch if recipe.epochs is not None else 1.0
        updates = max(1, math.ceil(recipe.length * unit - 1e-9))
        warmup = min(updates, round(recipe.warmup * unit))
        hold = min(updates - warmup, round(recipe.hold * unit))
        return Schedule(updates, warmup, hold, recipe.warmup_ratio, recipe.power)

    def factor(self, update: int) -> float:
        """Return the share of the learning rate at an update, counted from 0.

        Linear from ``warmup_ratio`` to 1, then 1, then (1 - t)^power over the rest, as CMNeXt's.
        """
        if update < self.warmup:
            return self.warmup_ratio + (1.0 - self.warmup_ratio) * update / self.warmup
        falling = self.updates - self.warmup - self.hold
        done = update - self.warmup - self.hold
        return float((1.0 - done / falling) ** self.power) if done > 0 else 1.0
