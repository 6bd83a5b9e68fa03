"""Layers that several encoders share."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DropPath(nn.Module):
    """Stochastic depth: in training, skip a residual branch for a random part of the samples.

    Source: Huang et al., "Deep Networks with Stochastic Depth", ECCV 2016. The kept samples are
    scaled up, so that the expectation stays.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, branch: Tensor) -> Tensor:
        """Return the branch N x ..., with some of the N samples zeroed while training."""
        if not self.training or self.probability == 0.0:
            return branch
        keep = 1.0 - self.probability
        shape = (branch.shape[0],) + (1,) * (branch.ndim - 1)
        return branch * torch.empty(shape, dtype=branch.dtype, device=branch.device).bernoulli_(
            keep
        ).div_(keep)


def drop_path_schedule(last: float, depths: tuple[int, ...]) -> list[list[float]]:
    """Return one drop probability per block, rising linearly from 0 to ``last`` over all stages."""
    total = sum(depths)
    rates = [last * i / max(total - 1, 1) for i in range(total)]
    starts = [sum(depths[:i]) for i in range(len(depths))]
    return [rates[start : start + depth] for start, depth in zip(starts, depths, strict=True)]


def map_from_tokens(tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """View tokens N x (H W) x C as a map N x C x H x W (channels last in memory, no copy)."""
    count, _, channels = tokens.shape
    # By way of N x H x W x C: then the strides of a single sample, too, say channels last.
    return tokens.view(count, *size, channels).permute(0, 3, 1, 2)


def tokens_from_map(feature_map: Tensor) -> Tensor:
    """View a map N x C x H x W as tokens N x (H W) x C."""
    return feature_map.permute(0, 2, 3, 1).flatten(1, 2)
