"""The compiled loops behind the head's maps, against PyTorch."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from anyseg_core.kernels import constants
from anyseg_core.models import ModelSpec
from anyseg_core.models.fusion import fuse_modalities, fusion_coefficients
from anyseg_core.models.head_inference import fused_tokens
from anyseg_core.runtime import head_loops
from anyseg_core.runtime.head_tail import Classifier, HeadTail

ALONE = ModelSpec("mean_fusion", "mit_b0", 5, ("rgb",), {})


def make_maps(count, height, width, channels=8):
    """Maps as the head's, each half as large as the one before, rounded up."""
    generator = torch.Generator().manual_seed(0)
    maps = []
    for _ in range(4):
        maps.append(torch.randn(count, height, width, channels, generator=generator))
        height, width = (height + 1) // 2, (width + 1) // 2
    return tuple(maps)


def make_classifier(classes, channels=8):
    random = np.random.default_rng(0)
    return Classifier(
        random.standard_normal((classes, channels), np.float32),
        random.standard_normal(classes, np.float32),
    )


def segment_in_torch(tokens, classifier, size):
    """Labels, probabilities and logits of fused tokens 1 x h x w x C."""
    logits = tokens @ torch.from_numpy(classifier.weights).T + torch.from_numpy(classifier.bias)
    logits = functional.interpolate(logits.permute(0, 3, 1, 2), size=size, mode="bilinear")
    best, labels = logits.softmax(1).max(1)
    return labels[0].numpy(), best[0].numpy(), logits[0]


def check(found, tokens, classifier, size):
    labels, confidence, _ = found
    wanted, probability, logits = segment_in_torch(tokens, classifier, size)
    assert labels.shape == confidence.shape == size
    two = logits.topk(2, dim=0).values
    clear = (two[0] - two[1] > 1e-4).numpy()
    assert np.array_equal(labels[clear], wanted[clear])
    assert clear.mean() > 0.99
    assert np.abs(confidence - 255.0 * probability).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("classes", [5, 6])
@pytest.mark.parametrize(("shape", "size"), [((8, 12), (32, 48)), ((5, 9), (19, 33))])
def test_labels_and_confidence_of_fused_maps_are_pytorchs(classes, shape, size):
    maps = make_maps(1, *shape)
    classifier = make_classifier(classes)
    weights = np.array([1.0], np.float32)
    found = HeadTail(ALONE, classifier).segment([each.numpy() for each in maps], weights, size)
    check(found, fused_tokens(maps), classifier, size)
    assert found[2] is weights


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize(
    "options",
    [{}, {"reweight": False}, {"residual": False}, {"selection": False, "iterations": 3}],
)
def test_modalities_that_meet_in_the_head_are_fused_as_the_paper_says(count, options):
    names = tuple("abcde"[:count])
    spec = ModelSpec("any2seg", "mit_b0", 5, names, options)
    maps = make_maps(count, 6, 10)
    classifier = make_classifier(5)
    found = HeadTail(spec, classifier).segment([each.numpy() for each in maps], None, (24, 40))
    tokens = fused_tokens(maps)
    wanted = fuse_modalities(tokens.permute(0, 3, 1, 2).unsqueeze(1), **options)
    check(found, wanted.map.permute(0, 2, 3, 1), classifier, (24, 40))
    np.testing.assert_allclose(found[2], wanted.weights[:, 0], rtol=1e-5)


@pytest.mark.parametrize("count", [1, 3, 4, 6, 9])
def test_products_and_scores_at_each_pixel_are_those_of_the_summed_maps(count):
    maps = make_maps(count, 5, 7)
    weights = make_classifier(6).weights
    products = np.full((5, 7, count, count), np.nan, np.float32)
    scores = np.full((5, 7, count, 6), np.nan, np.float32)
    arrays = tuple(constants(each.numpy(), np.float32) for each in maps)
    given = constants(weights, np.float32)
    head_loops.score_rows(arrays, given, 0, 3, scores, products)
    assert np.isnan(products[3:]).all()
    assert np.isnan(scores[3:]).all()
    head_loops.score_rows(arrays, given, 3, 5, scores, products)
    tokens = fused_tokens(maps)
    close = {"rtol": 1e-4, "atol": 1e-4}
    np.testing.assert_allclose(products, torch.einsum("nhwc,mhwc->hwnm", tokens, tokens), **close)
    wanted = torch.einsum("nhwc,kc->hwnk", tokens, torch.from_numpy(weights))
    np.testing.assert_allclose(scores, wanted, **close)


def test_coefficients_follow_from_inner_products_alone():
    tokens = torch.randn(3, 20, 8, generator=torch.Generator().manual_seed(0)).abs()
    coefficients, weights = fusion_coefficients(tokens)
    assert coefficients.shape == (20, 3)
    assert torch.all(coefficients.sum(1) > 1)  # one is selected, all are weighed
    assert weights.shape == (3,)


def test_the_first_of_equal_classes_wins():
    logits = constants(np.zeros((2, 3, 2), np.float32), np.float32)
    labels, confidence = np.full((2, 8, 8), 9, np.uint8)
    head_loops.label_rows(logits, 0, 8, labels, confidence)
    assert not labels.any()
    assert np.all(confidence == 85)


@given(st.lists(st.floats(-200, 200, width=32), min_size=2, max_size=8))
def test_the_confidence_is_the_winners_softmax(values):
    row = np.array(values, np.float32)
    labels, confidence = np.empty((2, 1, 1), np.uint8)
    logits = constants(row.reshape(1, -1, 1), np.float32)
    head_loops.label_rows(logits, 0, 1, labels, confidence)
    wide = row.astype(np.float64)
    wanted = 255.0 / np.exp(wide - wide.max()).sum()
    assert labels[0, 0] == row.argmax()
    assert abs(confidence[0, 0] - wanted) <= 0.5 + 1e-2
