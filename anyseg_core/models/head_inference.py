"""The head's work in inference, on tokens: a runtime's graph then moves no channels about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional

from anyseg_core.models.encoders.layers import map_from_tokens, tokens_from_map
from anyseg_core.models.upsample import upsample

if TYPE_CHECKING:
    from anyseg_core.models.encoders import Scales
    from anyseg_core.models.head import SegFormerHead


def fused_tokens(head: SegFormerHead, scales: Scales) -> Tensor:
    """Return what ``SegFormerHead.fuse_scales`` gives in evaluation, as N x h x w x width.

    The normalisation is taken into the weights of the linear layers, as it is linear then.
    """
    size = (scales[0].shape[2], scales[0].shape[3])
    parts = head.fuse.weight.flatten(1).chunk(4, dim=1)
    gain, offset = _normalisation(head.norm)
    fused: Tensor | None = None
    for linear, part, scale in zip(head.project, parts, scales, strict=True):
        assert isinstance(linear, nn.Linear)
        weight, bias = (part @ linear.weight) * gain[:, None], (part @ linear.bias) * gain
        tokens = tokens_from_map(scale)
        if fused is None:
            fused = functional.linear(tokens, weight, bias + offset)
        else:
            small = functional.linear(tokens, weight, bias)
            large = upsample(map_from_tokens(small, (scale.shape[2], scale.shape[3])), size)
            fused = fused.add_(tokens_from_map(large))  # in place, for it is large
    assert fused is not None
    return functional.relu(fused, inplace=True).view(-1, *size, head.width)


def scores(head: SegFormerHead, tokens: Tensor) -> Tensor:
    """Return the classifier's products, N x h x w x K, of tokens N x h x w x width: no bias yet."""
    return functional.linear(tokens, head.classifier.weight.flatten(1))


def logits_of_scores(head: SegFormerHead, products: Tensor) -> Tensor:
    """Return logits N x K x h x w of what ``scores`` gave, or of sums of it."""
    bias = head.classifier.bias
    assert bias is not None
    return (products + bias).permute(0, 3, 1, 2)


def logits_of_scales(head: SegFormerHead, scales: Scales) -> Tensor:
    """Return the head's logits N x K x h x w of four scales, in evaluation."""
    return logits_of_scores(head, scores(head, fused_tokens(head, scales)))


def _normalisation(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return what a normalisation in evaluation multiplies with and then adds, [width] each."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    gain = norm.weight / (variance + norm.eps).sqrt()
    return gain, norm.bias - mean * gain
