"""The validation inside the training loop: mIoU over all modalities, and over each one alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from anyseg_core.data import normalised
from anyseg_core.metrics import ConfusionMatrix

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from anyseg_core.data import SegmentationDataset
    from anyseg_core.models import SegmentationModel
    from anyseg_core.train.batches import Place
    from anyseg_core.train.recipe_parts import EvaluationRecipe
    from anyseg_core.types import Float32Array, UInt8Array


@dataclass(frozen=True, slots=True)
class Validation:
    """Scores of one validation, 0..1.

    Attributes:
        miou: by subset (modalities joined by ``+``), over the classes that occur.
        miou_absent_zero: likewise, with classes that do not occur counted 0.
        best_by: the figure that the best weights are chosen by; None where it was not measured.
    """

    miou: dict[str, float]
    miou_absent_zero: dict[str, float]
    best_by: float | None


def validate(
    model: SegmentationModel,
    dataset: SegmentationDataset,
    recipe: EvaluationRecipe,
    *,
    singles: bool,
    place: Place,
    device: torch.device,
    add_up: Callable[[Tensor], Tensor],
) -> Validation:
    """Score a model on a validation split; each device takes its share of the samples.

    Args:
        model: is left in training mode.
        dataset: the split.
        recipe: size, number of samples, choice of the best.
        singles: whether to score each modality alone too.
        place: which share this device takes.
        device: of the model.
        add_up: sums a tensor over all devices.
    """
    modalities = model.spec.modalities
    subsets = [modalities]
    if singles and len(modalities) > 1:
        subsets += [(name,) for name in modalities]
    count = len(dataset) if recipe.samples is None else min(recipe.samples, len(dataset))
    chosen = np.linspace(0, len(dataset) - 1, count).round().astype(int)
    matrices = [ConfusionMatrix(len(dataset.classes)) for _ in subsets]
    model.eval()
    with torch.inference_mode():
        for index in chosen[place.rank :: place.world]:
            sample = dataset[int(index)]
            inputs, labels = _resized(
                normalised(sample, dataset.normalisation), sample.labels, recipe
            )
            tensors = {n: torch.from_numpy(x).unsqueeze(0).to(device) for n, x in inputs.items()}
            for subset, matrix in zip(subsets, matrices, strict=True):
                output = model({name: tensors[name] for name in subset})
                matrix.update(labels, output.logits[0].argmax(0).to(torch.uint8).cpu().numpy())
    model.train()
    for matrix in matrices:
        matrix.counts = add_up(torch.from_numpy(matrix.counts).to(device)).cpu().numpy()
    return _summary(subsets, matrices, recipe)


def _resized(
    inputs: dict[str, Float32Array], labels: UInt8Array, recipe: EvaluationRecipe
) -> tuple[dict[str, Float32Array], UInt8Array]:
    """Bring inputs (bilinear) and labels (nearest) to the recipe's size."""
    if recipe.size is None or recipe.size == labels.shape:
        return inputs, labels
    size = (recipe.size[1], recipe.size[0])
    resized = {
        name: np.stack([cv2.resize(plane, size) for plane in image])
        for name, image in inputs.items()
    }
    truth = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST_EXACT)
    return resized, np.asarray(truth, np.uint8)


def _summary(
    subsets: list[tuple[str, ...]], matrices: list[ConfusionMatrix], recipe: EvaluationRecipe
) -> Validation:
    scores = [matrix.scores() for matrix in matrices]
    names = ["+".join(subset) for subset in subsets]
    present = dict(zip(names, (score.miou_present for score in scores), strict=True))
    zero = dict(zip(names, (score.miou for score in scores), strict=True))
    best: float | None = present[names[0]]
    if recipe.best_by == "mean":
        best = float(np.mean(list(present.values()))) if len(names) > 1 else None
    return Validation(present, zero, best)
