"""Muon: matrices are updated by the nearest orthogonal matrix to their momentum, all else by AdamW.

Of fresh weights it needs fewer updates than AdamW; docs/training.md has the comparison.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import Tensor, nn

_STEPS = 5
# Jordan's quintic: it takes singular values of 0..1 into about 0.7..1.2 in five steps.
_QUINTIC = (3.4445, -4.7750, 2.0315)
# Below this many inputs per output a matrix has next to no directions to make equal: kernels of
# depth-wise convolutions with 3 x 3 pixels, tables of biases.
_LEAST_INPUTS = 16


class MuonWithAdamW(torch.optim.Optimizer):
    """Muon on the matrices, AdamW on the rest, behind one optimiser's face.

    ``torch.optim.Muon`` takes two-dimensional parameters alone and multiplies in bfloat16; this one
    takes the kernels of convolutions too, as matrices of outputs x inputs, multiplies in the
    gradient's own precision, and makes matrices of one shape orthogonal together.

    Sources: Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; Liu et
    al., "Muon is scalable for LLM training", arXiv:2502.16982, section 2.2, for the update's size.

    Args:
        matrices: parameters of at least two dimensions.
        others: groups for AdamW.
        lr: the learning rate of all.
        rms: root mean square of a full-rank matrix's update, as a multiple of ``lr``.
        momentum: of the gradients of matrices, Nesterov's.
        weight_decay: of the matrices.
        betas: AdamW's.
        eps: AdamW's.
    """

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        others: list[dict[str, Any]],
        *,
        lr: float,
        rms: float,
        momentum: float,
        weight_decay: float,
        betas: tuple[float, float],
        eps: float,
    ) -> None:
        self._adamw = torch.optim.AdamW(others, lr=lr, betas=betas, eps=eps, fused=True)
        defaults = {"rms": rms, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(list(matrices), {"lr": lr, **defaults})
        self.param_groups += self._adamw.param_groups

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]  # nothing is evaluated anew
        """Make one update; a parameter without a gradient stays."""
        del closure
        # Loading a state replaces these; both optimisers work on the same ones.
        self._adamw.state = self.state
        self._adamw.param_groups = self.param_groups[1:]
        self._adamw.step()
        group = self.param_groups[0]
        alike: dict[torch.Size, list[tuple[nn.Parameter, Tensor]]] = defaultdict(list)
        for parameter in group["params"]:
            if parameter.grad is not None:
                direction = self._direction(parameter, group["momentum"])
                alike[direction.shape].append((parameter, direction))
        for shape, pairs in alike.items():
            updates = orthogonal(torch.stack([direction for _, direction in pairs]))
            size = group["lr"] * group["rms"] * max(shape) ** 0.5
            for (parameter, _), update in zip(pairs, updates, strict=True):
                parameter.mul_(1.0 - group["lr"] * group["weight_decay"])
                parameter.add_(update.view_as(parameter), alpha=-size)

    def _direction(self, parameter: nn.Parameter, momentum: float) -> Tensor:
        """Renew a parameter's momentum and return where it leads, outputs x inputs."""
        assert parameter.grad is not None  # the caller left such parameters out
        gradient = parameter.grad.flatten(1)
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(gradient)
        state["momentum"].lerp_(gradient, 1.0 - momentum)
        return gradient.lerp(state["momentum"], momentum)


def is_matrix(parameter: Tensor) -> bool:
    """Return whether Muon suits a parameter: outputs x enough inputs."""
    return parameter.ndim > 1 and parameter.shape[0] > 1 and parameter[0].numel() >= _LEAST_INPUTS


def orthogonal(matrices: Tensor) -> Tensor:
    """Set the singular values of matrices N x m x n to about 1, by Newton-Schulz iterations.

    Singular values far below the largest one are not reached and stay small.
    """
    tall = matrices.shape[-2] > matrices.shape[-1]
    wide = matrices.mT if tall else matrices
    wide = wide / (wide.square().sum((-2, -1), keepdim=True).sqrt() + 1e-7)
    iterate = _iterate_products if wide.shape[-1] >= 2 * wide.shape[-2] else _iterate
    out = iterate(wide)
    return out.mT if tall else out


def _iterate(x: Tensor) -> Tensor:
    """Apply the polynomial to matrices N x m x n again and again."""
    first, third, fifth = _QUINTIC
    for _ in range(_STEPS):
        square = torch.bmm(x, x.mT)
        square = torch.baddbmm(square, square, square, beta=third, alpha=fifth)
        x = torch.baddbmm(x, square, x, beta=first)
    return x


def _iterate_products(x: Tensor) -> Tensor:
    """Do the same in m x m alone, which costs less where n is a multiple of m.

    Each step multiplies x from the left by a polynomial of x x^T; these commute, so their product
    and what x x^T becomes are all that has to be kept.
    """
    square = torch.bmm(x, x.mT)
    product = factor = _factor(square)
    for _ in range(_STEPS - 1):
        square = torch.bmm(torch.bmm(factor, square), factor)
        factor = _factor(square)
        product = torch.bmm(factor, product)
    return torch.bmm(product, x)


def _factor(square: Tensor) -> Tensor:
    """Return what a step multiplies x with, from x x^T."""
    first, third, fifth = _QUINTIC
    factor = torch.baddbmm(square, square, square, beta=third, alpha=fifth)
    factor.diagonal(dim1=-2, dim2=-1).add_(first)
    return factor
