"""SegFormer's all-MLP head."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from anyseg_core.models.encoders.layers import map_from_tokens, tokens_from_map
from anyseg_core.models.fused_cpu import infers_on_cpu
from anyseg_core.models.head_inference import add_maps, head_maps
from anyseg_core.models.upsample import upsample

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anyseg_core.models.encoders import Scales


class SegFormerHead(nn.Module):
    """Linear layers on four scales, fused at stride 4, and a classifier.

    Source: Xie et al., "SegFormer", NeurIPS 2021, section 3.2. The fusing 1x1 convolution runs on
    each scale before its upsampling rather than after: both are linear and commute, and the
    coarse scales are up to 64 times smaller.

    Args:
        channels: channels of the four scales.
        num_classes: K.
        width: channels of the fused map; both papers' models use 256.
        dropout: probability of dropping a channel before the classifier in training.
    """

    def __init__(
        self,
        channels: tuple[int, int, int, int],
        num_classes: int,
        width: int = 256,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.width = width
        self.project = nn.ModuleList(nn.Linear(count, width) for count in channels)
        self.fuse = nn.Conv2d(4 * width, width, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout2d(dropout)
        self.classifier = nn.Conv2d(width, num_classes, 1)

    def fuse_scales(self, scales: Scales) -> Tensor:
        """Fuse four scales to one map N x width x h x w at stride 4, non-negative."""
        if not self.training and infers_on_cpu(scales[0]):
            return add_maps(head_maps(self, scales)).permute(0, 3, 1, 2)
        size = (scales[0].shape[2], scales[0].shape[3])
        parts = self.fuse.weight.flatten(1).chunk(4, dim=1)
        fused = self._project(0, scales[0], parts[0])
        # In place where it can be, for the map is large; with gradients it would be copied instead,
        # as it is a view.
        add = torch.add if torch.is_grad_enabled() else Tensor.add_
        for i in range(1, 4):
            fused = add(fused, upsample(self._project(i, scales[i], parts[i]), size))
        return functional.relu(self.norm(fused), inplace=True)

    def fuse_upsampled(self, scales: Scales) -> Tensor:
        """Give what ``fuse_scales`` gives in SegFormer's own order: upsample, then fuse.

        It costs several times as much; a comparison with a published design needs it.
        """
        size = (scales[0].shape[2], scales[0].shape[3])
        large = [
            upsample(_linear(scale, linear.weight, linear.bias), size)
            for scale, linear in zip(scales, cast("Iterable[nn.Linear]", self.project), strict=True)
        ]
        return functional.relu(self.norm(self.fuse(torch.cat(large, 1))), inplace=True)

    def classify(self, fused: Tensor) -> Tensor:
        """Return logits N x K x h x w of a fused map N x width x h x w."""
        logits: Tensor = self.classifier(self.dropout(fused))
        return logits

    def initialise_classifier(self) -> None:
        """Draw small classifier weights, as SegFormer does: fresh scores are almost even."""
        nn.init.normal_(self.classifier.weight, std=0.01)

    def _project(self, index: int, scale: Tensor, part: Tensor) -> Tensor:
        linear = self.project[index]
        assert isinstance(linear, nn.Linear)
        return _linear(scale, part @ linear.weight, part @ linear.bias)


def _linear(scale: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Apply a linear layer to the channels of a map."""
    size = (scale.shape[2], scale.shape[3])
    return map_from_tokens(functional.linear(tokens_from_map(scale), weight, bias), size)
