"""Bilinear resizing of maps, with a gradient that is fast on a CPU in either memory layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from torch.autograd.function import FunctionCtx


def upsample(feature_map: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize a map N x C x h x w bilinearly to ``size`` = (H, W); corners are not aligned."""
    on_cpu = feature_map.device.type == "cpu" and feature_map.dtype == torch.float32
    training = on_cpu and torch.is_grad_enabled() and feature_map.requires_grad
    if training and not torch.compiler.is_compiling():
        return cast("Tensor", _Upsample.apply(feature_map, size))  # type: ignore[no-untyped-call]  # torch's own
    return _bilinear(feature_map, size)


class _Upsample(torch.autograd.Function):
    """PyTorch's resizing; its gradient by two small matrix products where that is faster.

    PyTorch's own gradient scatters value by value and takes seven times as long for a gradient
    whose channels are not last in memory, as that of a cross-entropy is.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, feature_map: Tensor, size: tuple[int, int]) -> Tensor:
        ctx.small = (feature_map.shape[2], feature_map.shape[3])  # type: ignore[attr-defined]  # the way to keep a value
        return _bilinear(feature_map, size)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        height, width = cast("tuple[int, int]", ctx.small)  # type: ignore[attr-defined]  # as above
        if gradient.is_contiguous(memory_format=torch.channels_last):
            count, channels, *large = gradient.shape
            small = [count, channels, height, width]
            return torch.ops.aten.upsample_bilinear2d_backward(gradient, large, small, False), None  # noqa: FBT003  # align_corners, by position only
        rows = _shares(height, gradient.shape[2])
        columns = _shares(width, gradient.shape[3])
        return rows.T @ (gradient @ columns), None


def _bilinear(feature_map: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(feature_map, size=size, mode="bilinear", align_corners=False)


def _shares(small: int, large: int) -> Tensor:
    """How much of each of ``small`` values each of ``large`` interpolated ones takes: L x S."""
    each = torch.eye(small)[None]
    return functional.interpolate(each, size=large, mode="linear", align_corners=False)[0].T
