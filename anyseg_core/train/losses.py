"""The supervised criteria of a recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from anyseg_core.models.losses import cross_entropy
from anyseg_core.types import IGNORE_LABEL

if TYPE_CHECKING:
    from torch import Tensor

    from anyseg_core.models.base import Criterion
    from anyseg_core.train.recipe_parts import LossRecipe


def build_criterion(recipe: LossRecipe, weights: Tensor | None) -> Criterion:
    """Return the criterion that a recipe names.

    Args:
        recipe: kind and numbers.
        weights: [K], of the classes; None for equal ones.
    """
    if recipe.kind == "ohem":
        return HardPixels(recipe.ohem_threshold, recipe.ohem_least, weights)
    return cross_entropy if weights is None else WeightedCrossEntropy(weights)


class WeightedCrossEntropy:
    """Cross-entropy averaged with a weight per class: the sum over w, divided by the sum of w."""

    def __init__(self, weights: Tensor) -> None:
        self.weights = weights

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the mean, 0 where no pixel is labelled; see ``cross_entropy``."""
        labels = labels.long()
        weights = self.weights.to(logits.device)
        total = functional.cross_entropy(
            logits.float(), labels, weights, ignore_index=IGNORE_LABEL, reduction="sum"
        )
        known = torch.where(labels == IGNORE_LABEL, len(weights), labels)
        counted = torch.cat((weights, weights.new_zeros(1)))[known].sum()
        return total / counted.clamp(min=1e-6)


class HardPixels:
    """Online hard-example mining: the mean cross-entropy of the pixels that are still hard.

    A pixel is hard where the probability of its class is below the threshold; at least a given
    share of the labelled pixels counts, the hardest ones. CMNeXt trains with it (p < 0.7, 1/16).
    Source: Shrivastava et al., "Training Region-based Object Detectors with Online Hard Example
    Mining", CVPR 2016; the form for pixels is that of common segmentation code.

    Args:
        threshold: probability below which a pixel is hard.
        least: smallest share of the labelled pixels that counts.
        weights: [K], of the classes; None for equal ones. They weigh the loss, not the choice.
    """

    def __init__(self, threshold: float, least: float, weights: Tensor | None = None) -> None:
        self.bound = -float(torch.tensor(threshold).log())
        self.least = least
        self.weights = weights

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the mean over the hard pixels, 0 where no pixel is labelled.

        Args:
            logits: B x K x H x W.
            labels: integers B x H x W, or 255.
        """
        labels = labels.long()
        losses = functional.cross_entropy(
            logits.float(), labels, ignore_index=IGNORE_LABEL, reduction="none"
        )
        known = labels != IGNORE_LABEL
        values = losses[known]
        least = min(int(self.least * values.numel()) or 1, values.numel())
        if least == 0:
            return losses.sum() * 0.0
        hard = values.detach() > self.bound
        if int(hard.sum()) < least:
            hard = torch.zeros_like(hard)
            hard[values.detach().topk(least).indices] = True
        if self.weights is None:
            return values[hard].mean()
        weights = self.weights.to(logits.device)[labels[known][hard]]
        return (values[hard] * weights).sum() / weights.sum()
