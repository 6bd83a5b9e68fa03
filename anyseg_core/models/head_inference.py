"""The head's work in inference, on tokens: a runtime's graph then moves no channels about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional

from anyseg_core.models.encoders.layers import tokens_from_map
from anyseg_core.models.fused_cpu import affine, infers_on_cpu
from anyseg_core.models.upsample import add_upsampled, upsample

if TYPE_CHECKING:
    from anyseg_core.models.encoders import Scales
    from anyseg_core.models.head import SegFormerHead


def head_maps(head: SegFormerHead, scales: Scales) -> tuple[Tensor, ...]:
    """Return what the head adds up: a map N x h x w x width of each of four scales, at its size.

    The normalisation is taken into the weights of the linear layers, as it is linear then.
    """
    parts = head.fuse.weight.flatten(1).chunk(4, dim=1)
    gain, offset = _normalisation(head.norm)
    maps = []
    for i, (linear, part, scale) in enumerate(zip(head.project, parts, scales, strict=True)):
        assert isinstance(linear, nn.Linear)
        weight, bias = (part @ linear.weight) * gain[:, None], (part @ linear.bias) * gain
        tokens = affine(tokens_from_map(scale), weight, bias if i else bias + offset)
        maps.append(tokens.view(-1, scale.shape[2], scale.shape[3], head.width))
    return tuple(maps)


def fused_tokens(maps: tuple[Tensor, ...]) -> Tensor:
    """Return what ``SegFormerHead.fuse_scales`` gives in evaluation, as N x h x w x width.

    Args:
        maps: of ``head_maps``, which stay as they are.
    """
    fused, *coarse = maps
    if infers_on_cpu(fused):
        return add_maps((fused.clone(), *coarse))
    for each in coarse:
        large = upsample(each.permute(0, 3, 1, 2), (fused.shape[1], fused.shape[2]))
        rows = large.permute(0, 2, 3, 1)
        fused = fused + rows if fused is maps[0] else fused.add_(rows)  # in place, for it is large
    return functional.relu(fused, inplace=True)


def add_maps(maps: tuple[Tensor, ...]) -> Tensor:
    """Return what ``fused_tokens`` does, in place of the first map; for inference on a CPU."""
    total, *coarse = maps
    for each in coarse:
        add_upsampled(total, each)
    return total.relu_()


def scores(head: SegFormerHead, tokens: Tensor) -> Tensor:
    """Return the classifier's products, N x h x w x K, of tokens N x h x w x width: no bias yet."""
    return functional.linear(tokens, head.classifier.weight.flatten(1))


def logits_of_scores(head: SegFormerHead, products: Tensor) -> Tensor:
    """Return logits N x K x h x w of what ``scores`` gave, or of sums of it."""
    bias = head.classifier.bias
    assert bias is not None
    return (products + bias).permute(0, 3, 1, 2)


def logits_of_maps(head: SegFormerHead, maps: tuple[Tensor, ...]) -> Tensor:
    """Return the head's logits N x K x h x w of what ``head_maps`` gave."""
    return logits_of_scores(head, scores(head, fused_tokens(maps)))


def _normalisation(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return what a normalisation in evaluation multiplies with and then adds, [width] each."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    gain = norm.weight / (variance + norm.eps).sqrt()
    return gain, norm.bias - mean * gain
