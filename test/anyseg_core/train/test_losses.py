import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anyseg_core.models.losses import cross_entropy
from anyseg_core.train.losses import HardPixels, WeightedCrossEntropy, build_criterion
from anyseg_core.train.recipe_parts import LossRecipe


def _slow_hard_pixels(logits, labels, threshold, least, weights):
    """Pixel by pixel: sort by loss, take those below the probability, at least a share."""
    losses = []
    for b, y, x in np.ndindex(*labels.shape):
        label = int(labels[b, y, x])
        if label == 255:
            continue
        scores = [math.exp(float(v)) for v in logits[b, :, y, x]]
        losses.append((-math.log(scores[label] / sum(scores)), label))
    losses.sort(reverse=True)
    least = min(max(int(least * len(losses)), 1), len(losses))
    hard = [pair for pair in losses if pair[0] > -math.log(threshold)]
    if len(hard) < least:
        hard = losses[:least]
    return sum(v * weights[k] for v, k in hard) / sum(weights[k] for _, k in hard)


def _example(seed, spread):
    rng = torch.Generator().manual_seed(seed)
    logits = spread * torch.randn(2, 3, 4, 5, generator=rng)
    labels = torch.randint(0, 3, (2, 4, 5), generator=rng, dtype=torch.uint8)
    labels[torch.rand(labels.shape, generator=rng) < 0.2] = 255
    return logits, labels


@given(
    st.integers(0, 1000),
    st.sampled_from([0.3, 1.0, 6.0]),
    st.sampled_from([0.2, 0.7, 0.9]),
    st.sampled_from([0.0, 1 / 16, 0.5, 1.0]),
    st.booleans(),
)
def test_hard_pixels_agree_with_a_slow_oracle(seed, spread, threshold, least, weighted):
    logits, labels = _example(seed, spread)
    weights = torch.tensor([0.5, 1.0, 2.0])
    criterion = HardPixels(threshold, least, weights if weighted else None)
    wanted = _slow_hard_pixels(
        logits, labels, threshold, least, weights.tolist() if weighted else [1.0] * 3
    )
    assert float(criterion(logits, labels)) == pytest.approx(wanted, rel=1e-4)


def test_equal_class_weights_are_plain_cross_entropy():
    logits, labels = _example(1, 2.0)
    weighted = WeightedCrossEntropy(torch.ones(3))
    assert float(weighted(logits, labels)) == pytest.approx(float(cross_entropy(logits, labels)))


def test_a_weight_counts_its_class_as_often_as_it_says():
    logits, labels = _example(2, 2.0)
    doubled = torch.tensor([1.0, 2.0, 1.0])
    twice = torch.where(labels == 1, labels, torch.full_like(labels, 255))
    total = float(WeightedCrossEntropy(doubled)(logits, labels))
    pixels, again = int((labels != 255).sum()), int((twice != 255).sum())
    plain = float(cross_entropy(logits, labels)) * pixels
    extra = float(cross_entropy(logits, twice)) * again
    assert total == pytest.approx((plain + extra) / (pixels + again), rel=1e-5)


@pytest.mark.parametrize(
    "criterion",
    [
        HardPixels(0.7, 1 / 16),
        HardPixels(0.7, 0.1, torch.ones(3)),
        WeightedCrossEntropy(torch.ones(3)),
    ],
)
def test_a_batch_without_a_labelled_pixel_has_loss_and_gradient_zero(criterion):
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    loss = criterion(logits, torch.full((1, 4, 4), 255, dtype=torch.uint8))
    loss.backward()
    assert loss.item() == 0.0
    assert not logits.grad.any()


def test_a_recipe_chooses_the_criterion():
    assert build_criterion(LossRecipe(), None) is cross_entropy
    assert isinstance(build_criterion(LossRecipe(), torch.ones(3)), WeightedCrossEntropy)
    assert isinstance(build_criterion(LossRecipe(kind="ohem"), None), HardPixels)
