"""Weights of the classes by how rare they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from anyseg_core.types import IGNORE_LABEL

if TYPE_CHECKING:
    from torch import Tensor

    from anyseg_core.data import SegmentationDataset

SAMPLES = 300
"""Samples, spread evenly over the split, whose labels are counted."""


def class_weights(dataset: SegmentationDataset, power: float) -> Tensor:
    """Return float32 [K]: share^-power, scaled so that a labelled pixel weighs 1 on average.

    A class that does not occur among the counted samples weighs as the rarest one that does.

    Args:
        dataset: the training split.
        power: 0 for equal weights, 1 for equal classes.
    """
    classes = len(dataset.classes)
    counts = np.zeros(IGNORE_LABEL + 1, np.int64)
    chosen = np.linspace(0, len(dataset) - 1, min(SAMPLES, len(dataset))).round().astype(int)
    for index in chosen:
        counts += np.bincount(dataset[int(index)].labels.reshape(-1), minlength=IGNORE_LABEL + 1)
    known = counts[:classes].astype(np.float64)
    if not known.any():
        return torch.ones(classes)
    known = np.maximum(known, known[known > 0].min())
    share = known / known.sum()
    weights = share**-power
    return torch.from_numpy((weights / (share * weights).sum()).astype(np.float32))
