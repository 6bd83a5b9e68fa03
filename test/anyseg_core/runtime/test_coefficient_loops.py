"""Any2Seg's fusion in a compiled loop, against PyTorch."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anyseg_core.kernels import constants
from anyseg_core.models.fusion import coefficients_of_products
from anyseg_core.runtime.coefficient_loops import fusion_coefficients

SWITCHES = st.fixed_dictionaries(
    {name: st.booleans() for name in ("reweight", "selection", "residual")}
)


def run_loop(tokens, iterations, reweight, selection, residual):
    """Coefficients P x M and weights [M] of tokens M x P x C."""
    products = np.einsum("mpc,npc->pmn", tokens, tokens)
    coefficients = np.full(products.shape[:2], np.nan, np.float32)
    weights = np.full(len(tokens), np.nan, np.float32)
    given_ = constants(products, np.float32)
    fusion_coefficients(given_, iterations, reweight, selection, residual, coefficients, weights)
    return products, coefficients, weights


@given(st.integers(1, 6), st.integers(1, 3), SWITCHES, st.integers(0, 99))
def test_coefficients_and_weights_are_pytorchs(count, iterations, switches, seed):
    tokens = np.random.default_rng(seed).random((count, 30, 8), np.float32)
    products, coefficients, weights = run_loop(tokens, iterations, **switches)
    wanted, shares = coefficients_of_products(
        torch.from_numpy(products), iterations=iterations, **switches
    )
    equal = np.isclose(coefficients, wanted, rtol=1e-4, atol=1e-5).all(1)
    assert equal.sum() >= 29  # of 30: two cosines may be equal but for the last bits
    np.testing.assert_allclose(weights, shares, rtol=1e-4 if equal.all() else 0.1)


@pytest.mark.parametrize("dark", [0, 1])
def test_a_modality_without_any_signal_is_never_selected_beside_one_with(dark):
    tokens = np.ones((2, 4, 8), np.float32)
    tokens[dark] = 0
    _, coefficients, weights = run_loop(tokens, 1, True, True, False)
    assert np.all(coefficients[:, dark] == 0)
    assert np.all(coefficients[:, 1 - dark] == 1)
    assert weights[dark] == 0


def test_the_first_of_equal_modalities_is_selected():
    tokens = np.ones((3, 4, 8), np.float32)
    _, coefficients, _ = run_loop(tokens, 1, True, True, False)
    assert np.all(coefficients == [1, 0, 0])
