"""AdamW as a recipe has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import nn

    from anyseg_core.train.recipe_parts import OptimiserRecipe


def build_optimiser(model: nn.Module, recipe: OptimiserRecipe) -> torch.optim.AdamW:
    """Return AdamW over a model's parameters, without weight decay for 1-D ones.

    1-D parameters are biases and the scales of normalisations.
    """
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.lr, betas=recipe.betas, eps=recipe.eps, fused=True)


def set_lr(optimiser: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of every parameter."""
    for group in optimiser.param_groups:
        group["lr"] = lr
