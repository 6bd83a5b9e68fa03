"""What every encoder offers to the models above it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

Scales = tuple[Tensor, Tensor, Tensor, Tensor]
"""Four feature maps at strides 4, 8, 16 and 32."""

STRIDES = (4, 8, 16, 32)


class Encoder(nn.Module, ABC):
    """A backbone with four feature scales.

    Attributes:
        channels: the number of channels of each of the four scales.
        heads: attention heads of each scale, which modules built on a scale take over.
        min_side: the smallest height and width in pixels that every scale can still halve.
    """

    channels: tuple[int, int, int, int]
    heads: tuple[int, int, int, int]
    min_side: int = 32

    @abstractmethod
    def forward(self, images: Tensor) -> Scales:
        """Encode images N x 3 x H x W.

        Returns:
            Maps N x channels[i] x ceil(H / stride) x ceil(W / stride) for strides 4, 8, 16, 32.
        """
