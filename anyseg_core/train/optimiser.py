"""The optimiser that a recipe asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from anyseg_core.train.muon import MuonWithAdamW, is_matrix

if TYPE_CHECKING:
    from torch import nn

    from anyseg_core.train.recipe_parts import OptimiserRecipe


def build_optimiser(model: nn.Module, recipe: OptimiserRecipe) -> torch.optim.Optimizer:
    """Return the optimiser over a model's parameters, without weight decay for 1-D ones.

    1-D parameters are biases and the scales of normalisations.
    """
    parameters = list(model.parameters())
    matrices = [p for p in parameters if recipe.kind == "muon" and is_matrix(p)]
    taken = {id(p) for p in matrices}
    rest = [p for p in parameters if id(p) not in taken]
    groups = [
        {"params": [p for p in rest if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.kind == "adamw":
        return torch.optim.AdamW(
            groups, lr=recipe.lr, betas=recipe.betas, eps=recipe.eps, fused=True
        )
    return MuonWithAdamW(
        matrices,
        groups,
        lr=recipe.lr,
        rms=recipe.muon_rms,
        momentum=recipe.muon_momentum,
        weight_decay=recipe.weight_decay,
        betas=recipe.betas,
        eps=recipe.eps,
    )


def set_lr(optimiser: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of every parameter."""
    for group in optimiser.param_groups:
        group["lr"] = lr
