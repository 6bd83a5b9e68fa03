"""Muon against torch's own, singular values and AdamW."""

import copy
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from anyseg_core.train.muon import MuonWithAdamW, is_matrix, orthogonal
from anyseg_core.train.optimiser import build_optimiser
from anyseg_core.train.recipe_parts import OptimiserRecipe


def _muon(
    matrices: list[nn.Parameter], others: list[nn.Parameter], **changes: Any
) -> MuonWithAdamW:
    options: dict[str, Any] = {
        "lr": 0.01,
        "rms": 0.2,
        "momentum": 0.95,
        "weight_decay": 0.1,
        "betas": (0.9, 0.999),
        "eps": 1e-8,
    }
    return MuonWithAdamW(matrices, [{"params": others}], **options | changes)


def _parameter(*shape: int, seed: int = 0) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)))


def _give_gradients(parameters: list[nn.Parameter], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape, generator=generator)


@pytest.mark.parametrize("shape", [(3, 8, 32), (2, 32, 8), (1, 16, 16)])
def test_singular_values_come_near_one_and_directions_stay(shape: tuple[int, int, int]):
    matrices = torch.randn(*shape, generator=torch.Generator().manual_seed(1))
    u, values, v = torch.linalg.svd(matrices, full_matrices=False)
    made = orthogonal(matrices)
    along = torch.einsum("bmk,bmn,bkn->bk", u, made, v)  # its size along the old directions
    reached = values / values.square().sum(1, keepdim=True).sqrt() > 0.05
    assert ((along > 0.65) & (along < 1.25))[reached].all()
    rebuilt = u @ torch.diag_embed(along) @ v
    assert torch.allclose(made, rebuilt, atol=1e-4)


@given(
    st.sampled_from([(16, 16), (20, 16), (16, 32), (40, 16), (8, 120), (1, 17)]),
    st.integers(1, 16),
    st.sampled_from([1e-2, 1.0, 1e3]),
    st.integers(0, 100),
)
def test_both_ways_to_iterate_are_the_quintic_of_each_singular_value(
    shape: tuple[int, int], rank: int, scale: float, seed: int
):
    generator = torch.Generator().manual_seed(seed)
    left = torch.randn(2, shape[0], rank, generator=generator)
    matrices = scale * left @ torch.randn(2, rank, shape[1], generator=generator)
    u, values, v = torch.linalg.svd(matrices.double(), full_matrices=False)
    values = values / values.square().sum(1, keepdim=True).sqrt()
    for _ in range(5):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    wanted = u @ torch.diag_embed(values) @ v
    assert torch.allclose(orthogonal(matrices).double(), wanted, atol=1e-3)


@pytest.mark.parametrize("shape", [(24, 48), (48, 24)])
def test_matrices_move_as_with_torchs_muon(shape: tuple[int, int]):
    ours, theirs = _parameter(*shape), _parameter(*shape)
    optimiser = _muon([ours], [_parameter(2)])
    reference = torch.optim.Muon(
        [theirs], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"
    )
    start = ours.detach().clone()
    for seed in range(4):
        _give_gradients([ours], seed)
        _give_gradients([theirs], seed)
        optimiser.step()
        reference.step()
    # theirs multiplies in bfloat16
    assert torch.linalg.norm(ours - theirs) < 0.02 * torch.linalg.norm(theirs - start)


def test_a_kernel_moves_as_its_matrix_of_outputs_and_inputs():
    kernel, matrix = _parameter(8, 4, 3, 3), _parameter(8, 36)
    with torch.no_grad():
        matrix.copy_(kernel.flatten(1))
    optimiser = _muon([kernel, matrix], [_parameter(2)])
    for seed in range(2):
        _give_gradients([kernel], seed)
        assert kernel.grad is not None
        matrix.grad = kernel.grad.flatten(1)
        optimiser.step()
    assert torch.equal(kernel.flatten(1), matrix)


def test_the_update_has_the_size_that_was_asked_for():
    matrix = _parameter(64, 32)
    start = matrix.detach().clone()
    _give_gradients([matrix], 3)
    _muon([matrix], [_parameter(2)], lr=0.5, rms=2.0, weight_decay=0.0).step()
    assert (matrix - start).square().mean().sqrt().item() == pytest.approx(1.0, rel=0.25)


def test_the_rest_moves_as_with_adamw():
    ours, theirs, matrix = _parameter(7), _parameter(7), _parameter(4, 16)
    optimiser = _muon([matrix], [ours])
    reference = torch.optim.AdamW([theirs], lr=0.01, fused=True)
    for seed in range(3):
        _give_gradients([ours, matrix], seed)
        _give_gradients([theirs], seed)
        optimiser.step()
        reference.step()
    assert torch.equal(ours, theirs)


def test_a_matrix_without_a_gradient_stays():
    matrix, other = _parameter(4, 16), _parameter(4, 16, seed=1)
    before = matrix.detach().clone()
    _give_gradients([other], 0)
    _muon([matrix, other], [_parameter(2)]).step()
    assert torch.equal(matrix, before)


def test_a_loaded_state_goes_on_to_the_same_bits():
    whole = [_parameter(6, 20), _parameter(5)]
    optimiser = _muon(whole[:1], whole[1:])
    for seed in range(3):
        _give_gradients(whole, seed)
        optimiser.step()
    copies = [nn.Parameter(p.detach().clone()) for p in whole]
    resumed = _muon(copies[:1], copies[1:])
    resumed.load_state_dict(copy.deepcopy(optimiser.state_dict()))  # else they share tensors
    for parameters, each in ((whole, optimiser), (copies, resumed)):
        for seed in range(3, 6):
            _give_gradients(parameters, seed)
            each.step()
    assert all(torch.equal(a, b) for a, b in zip(whole, copies, strict=True))


def test_a_recipe_shares_the_parameters_out():
    model = nn.Sequential(nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 4, 3), nn.Linear(16, 2))
    optimiser = build_optimiser(model, OptimiserRecipe(kind="muon"))
    assert isinstance(optimiser, MuonWithAdamW)
    counts = [len(group["params"]) for group in optimiser.param_groups]
    assert counts == [2, 1, 3]  # two matrices; the depth-wise kernel; biases
    assert [is_matrix(p) for p in model.parameters()] == [False, False, True, False, True, False]
