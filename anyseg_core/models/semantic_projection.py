"""CHARM's Semantic Projector and Robustness Evaluator, section 3.4."""

from __future__ import annotations

from torch import Tensor, nn


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

    One 1x1 convolution shared by the modalities, so that scores compare; ``robustness`` compares
    those present. It has no bias: one shared by all would cancel.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.score = nn.Conv2d(channels, 1, 1, bias=False)

    def forward(self, semantic: Tensor) -> Tensor:
        """Return one modality's raw scores N x 1 x h x w of its map N x C x h x w."""
        raw: Tensor = self.score(semantic)
        return raw


def robustness(raw: Tensor) -> Tensor:
    """Scores r of M modalities, which come first: softmax of the raw ones over those present.

    That the softmax is over modalities is a reading.
    """
    return raw.softmax(0)


def weighted_sum(scores: Tensor, semantics: Tensor) -> Tensor:
    """The initial semantic feature f_se0: the sum of scores times maps (Eq. 4).

    Args:
        scores: M x B x h x w x 1.
        semantics: M x B x h x w x C.

    Returns:
        B x h x w x C.
    """
    return (scores * semantics).sum(0)


def fragility(scores: Tensor) -> Tensor:
    """Sampling probabilities s, [M]: the softmin of each modality's mean score (Eq. 5).

    Detached: sampling is not differentiable.
    """
    return (-scores.detach().float().mean(dim=(1, 2, 3, 4))).softmax(0)
