"""MFF against a plain numpy oracle written from section 3.3 of Any2Seg."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anyseg_core.errors import ConfigurationError
from anyseg_core.models.fusion import (
    fuse_each,
    fuse_modalities,
    fusion_coefficients,
    inner_products,
)


def cosine(a, b):
    return float(a.ravel() @ b.ravel() / (np.linalg.norm(a) * np.linalg.norm(b)))


def oracle(features, carried, iterations, *, reweight, selection, residual):
    """One sample: features [M, C, h, w] -> f_ma [C, h, w] and the last cosines [M]."""
    state = features.mean(0)
    if carried is not None:
        state = (state + carried) / 2
    for _ in range(iterations):
        cosines = np.array([cosine(f, state) for f in features])
        scale = cosines if reweight else np.ones(len(features))
        balanced = sum(c * f for c, f in zip(scale, features, strict=True)) / len(features)
        selected = np.zeros_like(balanced)
        for row in range(features.shape[2]):
            for column in range(features.shape[3]):
                here, target = features[:, :, row, column], balanced[:, row, column]
                best = np.argmax([cosine(f, target) for f in here])
                selected[:, row, column] = here[best]
        if selection and residual:
            state = balanced + selected
        elif selection:
            state = selected
        elif residual:
            state = balanced + state
        else:
            state = balanced
    return state, cosines


@pytest.mark.parametrize("selection", [True, False])
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("reweight", [True, False])
@pytest.mark.parametrize(("iterations", "carry"), [(1, False), (1, True), (3, True)])
def test_the_fused_map_is_the_papers(selection, residual, reweight, iterations, carry):
    rng = np.random.default_rng(3)
    features = rng.normal(size=(4, 2, 6, 5, 3))
    carried = rng.normal(size=(2, 6, 5, 3)) if carry else None
    switches = {"reweight": reweight, "selection": selection, "residual": residual}
    fused = fuse_modalities(
        torch.from_numpy(features),
        None if carried is None else torch.from_numpy(carried),
        iterations=iterations,
        **switches,
    )
    for sample in range(2):
        wanted, cosines = oracle(
            features[:, sample],
            None if carried is None else carried[sample],
            iterations,
            **switches,
        )
        np.testing.assert_allclose(fused.map[sample], wanted, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(fused.weights[:, sample], cosines, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("selection", [True, False])
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("reweight", [True, False])
@pytest.mark.parametrize(("count", "iterations"), [(1, 1), (2, 1), (4, 1), (4, 3)])
def test_the_coefficients_of_inference_give_the_papers_fused_map(
    selection, residual, reweight, count, iterations
):
    features = np.random.default_rng(5).normal(size=(count, 6, 5, 3))
    switches = {"reweight": reweight, "selection": selection, "residual": residual}
    tokens = torch.from_numpy(features).flatten(2).transpose(1, 2)
    coefficients, weights = fusion_coefficients(tokens, iterations=iterations, **switches)
    got = np.einsum("pm,mpc->cp", coefficients.numpy(), tokens.numpy()).reshape(6, 5, 3)
    wanted, cosines = oracle(features, None, iterations, **switches)
    np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(weights, cosines, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("selection", [True, False])
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("reweight", [True, False])
@pytest.mark.parametrize(("count", "iterations"), [(1, 1), (2, 1), (4, 3)])
def test_the_sum_of_each_map_is_the_papers_fused_map(
    selection, residual, reweight, count, iterations
):
    features = np.random.default_rng(6).normal(size=(count, 2, 6, 5, 3))
    switches = {"reweight": reweight, "selection": selection, "residual": residual}
    fused = fuse_each(list(torch.from_numpy(features)), iterations=iterations, **switches)
    for sample in range(2):
        wanted, cosines = oracle(features[:, sample], None, iterations, **switches)
        np.testing.assert_allclose(fused.map[sample], wanted, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(fused.weights[:, sample], cosines, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("count", [1, 3])
def test_inner_products_are_the_same_in_blocks_of_pixels(count):
    tokens = torch.randn(count, 2500, 4, dtype=torch.float64)  # two whole blocks and a part
    found = inner_products(list(tokens))
    torch.testing.assert_close(found, torch.einsum("mpc,npc->pmn", tokens, tokens))


def test_of_equal_maps_the_coefficients_select_the_first_alone():
    one, other = torch.rand(2, 5, 3)
    coefficients, _ = fusion_coefficients(torch.stack([one, one, other]), residual=False)
    assert coefficients.sum(1).tolist() == [1.0] * 5
    assert coefficients[:, 1].sum() == 0.0
    assert coefficients[:, 0].sum() > 0.0


def test_the_coefficients_of_empty_maps_are_finite_and_their_weights_zero():
    tokens = torch.rand(3, 5, 4)
    tokens[1] = 0.0
    tokens[:, 2] = 0.0  # a pixel at which no modality has anything
    coefficients, weights = fusion_coefficients(tokens)
    assert coefficients.isfinite().all()
    assert float(weights[1]) == 0.0
    assert float(weights[0]) > 0.0
    coefficients, weights = fusion_coefficients(torch.zeros(2, 5, 4))
    assert coefficients.isfinite().all()
    assert weights.tolist() == [0.0, 0.0]


def test_half_precision_tokens_are_fused_in_single_precision():
    tokens = torch.rand(3, 9, 300).half() * 20  # squared lengths beyond what half precision holds
    coefficients, weights = fusion_coefficients(tokens)
    wanted, wanted_weights = fusion_coefficients(tokens.double())
    assert coefficients.dtype == weights.dtype == torch.float32
    torch.testing.assert_close(coefficients.double(), wanted, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(weights.double(), wanted_weights, rtol=1e-4, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 5), seed=st.integers(0, 2**16), permutation_seed=st.integers(0, 99))
def test_permuting_modalities_permutes_weights_alone(count, seed, permutation_seed):
    features = torch.randn(
        count, 1, 4, 3, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    order = torch.randperm(count, generator=torch.Generator().manual_seed(permutation_seed))
    straight, permuted = fuse_modalities(features), fuse_modalities(features[order])
    torch.testing.assert_close(permuted.map, straight.map)
    torch.testing.assert_close(permuted.weights, straight.weights[order])
    assert straight.weights.abs().max() <= 1 + 1e-6


def test_one_modality_counts_fully_and_is_its_own_selection():
    features = torch.rand(1, 2, 4, 3, 3)
    fused = fuse_modalities(features)
    torch.testing.assert_close(fused.map, 2 * features[0])
    torch.testing.assert_close(fused.weights, torch.ones(1, 2))


def test_an_empty_map_gives_weight_zero_and_no_nan():
    features = torch.rand(3, 1, 4, 3, 3)
    features[1] = 0.0
    fused = fuse_modalities(features)
    assert fused.map.isfinite().all()
    assert float(fused.weights[1]) == 0.0
    assert float(fused.weights[0]) > 0.0
    assert fuse_modalities(torch.zeros(2, 1, 4, 3, 3)).map.abs().sum() == 0.0


def test_noise_in_one_modality_lowers_its_weight():
    generator = torch.Generator().manual_seed(0)
    scene = torch.rand(1, 1, 8, 6, 6, generator=generator)
    features = scene.repeat(4, 1, 1, 1, 1)
    features[2] = torch.rand(1, 8, 6, 6, generator=generator)
    weights = fuse_modalities(features).weights[:, 0]
    assert int(weights.argmin()) == 2


def test_a_carried_state_of_another_size_is_refused():
    with pytest.raises(ConfigurationError, match="start without a state"):
        fuse_modalities(torch.rand(2, 1, 4, 3, 3), torch.rand(1, 4, 6, 6))
