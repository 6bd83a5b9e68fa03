"""What a network loses in int8: calibration from a data set, and the scores of both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.data import normalised
from anyseg_core.errors import ConfigurationError
from anyseg_core.evaluation.scoring import Scorer
from anyseg_core.evaluation.sizes import network_size, resize_channels
from anyseg_core.metrics import ConfusionMatrix

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyseg_core.data import SegmentationDataset
    from anyseg_core.evaluation.predictors import Predictor
    from anyseg_core.evaluation.scoring import Plan
    from anyseg_core.evaluation.subsets import Subset
    from anyseg_core.models import ModelCard
    from anyseg_core.types import Float32Array

SAMPLES = 32
"""Samples to calibrate with where no number is asked for."""


@dataclass(frozen=True, slots=True)
class QuantisedScore:
    """One subset's figures.

    Attributes:
        float32: mIoU in float32, 0..1.
        int8: mIoU in int8, 0..1.
        labels_equal: share of all pixels, 0..1, on which both give the same label.
    """

    float32: float
    int8: float
    labels_equal: float

    @property
    def loss(self) -> float:
        """What int8 costs, in points of mIoU (0..100); below 0 where it scores better."""
        return 100.0 * (self.float32 - self.int8)


def calibration_samples(
    dataset: SegmentationDataset, card: ModelCard, count: int = SAMPLES
) -> list[dict[str, Float32Array]]:
    """Return the network's inputs, float32 [3, H, W] by modality, of samples spread over a split.

    Args:
        dataset: a split with one or more of the network's modalities.
        card: of the network.
        count: samples to take, each with all its modalities; all samples where there are fewer.

    Raises:
        ConfigurationError: less than one sample, or no modality of the network's.
        RecordError: a sample cannot be read.
    """
    names = [name for name in card.spec.modalities if name in dataset.modalities]
    if count < 1 or not names:
        raise ConfigurationError(
            f"{count} samples of {', '.join(dataset.modalities)} to calibrate int8 with",
            f"at least 1, with one or more of {', '.join(card.spec.modalities)}",
            "ask for more samples, or name another data set",
        )
    samples = []
    for index in np.unique(np.linspace(0, len(dataset) - 1, count).round().astype(int)):
        sample = dataset[int(index)]
        size = network_size(sample.labels.shape, card.input_size)
        channels = {name: resize_channels(name, sample.channels[name], size) for name in names}
        samples.append(normalised(replace(sample, channels=channels), card.normalisation))
    return samples


def quantised_scores(
    plan: Plan, exact: Predictor, quantised: Predictor, advance: Callable[[int], None]
) -> dict[Subset, QuantisedScore]:
    """Score a network in float32 and in int8 on the same samples.

    Args:
        plan: the samples and the subsets of modalities.
        exact: the network in float32.
        quantised: the network in int8.
        advance: is told the number of samples done, again and again.

    Returns:
        The scores of each subset, in the plan's order.

    Raises:
        RecordError: a sample cannot be read.
    """
    count = len(plan.classes.classes)
    matrices = [(ConfusionMatrix(count), ConfusionMatrix(count)) for _ in plan.subsets]
    equal, pixels = np.zeros(len(plan.subsets)), np.zeros(len(plan.subsets))
    scorers = Scorer(plan, exact), Scorer(plan, quantised)
    for index in plan.indices:
        sample = plan.dataset[index]
        pairs = zip(*(scorer.answers(sample) for scorer in scorers), strict=True)
        for place, (wanted, got) in enumerate(pairs):
            for matrix, answer in zip(matrices[place], (wanted, got), strict=True):
                matrix.update(answer.truth, answer.labels)
            equal[place] += (wanted.labels == got.labels).sum()
            pixels[place] += wanted.labels.size
        advance(1)
    shares = equal / pixels
    return {
        subset: QuantisedScore(wanted.scores().miou, got.scores().miou, float(share))
        for subset, (wanted, got), share in zip(plan.subsets, matrices, shares, strict=True)
    }
