"""CHARM's Semantic Projector and Robustness Evaluator, section 3.4."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence


class SemanticProjector(nn.Sequential):
    """Projects one modality's map to the semantic space: N x C x h x w in and out.

    Depth-wise convolutions of 11x11, 7x7 and 3x3, then a 1x1 convolution, as the paper's Fig. 4
    names them and nothing between.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(
            *(
                nn.Conv2d(channels, channels, side, padding=side // 2, groups=channels)
                for side in (11, 7, 3)
            ),
            nn.Conv2d(channels, channels, 1),
        )


class RobustnessEvaluator(nn.Module):
    """Scores how far each modality can be relied on at each pixel.

    One 1x1 convolution shared by the modalities, so that scores compare; softmax over those
    present (reading). It has no bias: one shared by all would cancel.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.score = nn.Conv2d(channels, 1, 1, bias=False)

    def forward(self, semantics: Sequence[Tensor]) -> Tensor:
        """Return scores r, M x B x 1 x h x w, of M maps B x C x h x w; they sum to 1 over M."""
        return torch.stack([self.score(semantic) for semantic in semantics]).softmax(0)


def weighted_sum(scores: Tensor, semantics: Sequence[Tensor]) -> Tensor:
    """The initial semantic feature f_se0, B x C x h x w: the sum of scores times maps (Eq. 4)."""
    total = semantics[0] * scores[0]
    for score, semantic in zip(scores[1:], semantics[1:], strict=True):
        total = torch.addcmul(total, semantic, score)
    return total


def fragility(scores: Tensor) -> Tensor:
    """Sampling probabilities s, [M]: the softmin of each modality's mean score (Eq. 5).

    Detached: sampling is not differentiable.
    """
    return (-scores.detach().float().mean(dim=(1, 2, 3, 4))).softmax(0)
