"""Bilinear resizing of maps, with a gradient that is fast on a CPU in either memory layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from torch.autograd.function import FunctionCtx

_LARGEST_FOR_MATRICES = 64  # side of a map in cells


def upsample(feature_map: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize a map N x C x h x w bilinearly to ``size`` = (H, W); corners are not aligned."""
    on_cpu = feature_map.device.type == "cpu" and feature_map.dtype == torch.float32
    training = on_cpu and torch.is_grad_enabled() and feature_map.requires_grad
    if training and not torch.compiler.is_compiling():
        return cast("Tensor", _Upsample.apply(feature_map, size))  # type: ignore[no-untyped-call]  # torch's own
    return _bilinear(feature_map, size)


def add_upsampled(total: Tensor, coarse: Tensor) -> None:
    """Add a map N x h x w x C, upsampled as by ``upsample``, into another N x H x W x C, in place.

    Two products with small matrices take less time than PyTorch's resizing, and nothing as large as
    the total is made besides; but the matrices grow with the maps.
    """
    count, height, width, channels = total.shape
    small_height, small_width = coarse.shape[1:3]
    if max(small_height, small_width) > _LARGEST_FOR_MATRICES:
        resized = upsample(coarse.permute(0, 3, 1, 2), (height, width))
        total.add_(resized.permute(0, 2, 3, 1))
        return
    rows = _shares(small_height, height) @ coarse.reshape(count, small_height, -1)
    across = _shares(small_width, width).expand(count * height, -1, -1)
    each_row = rows.view(count * height, small_width, channels)
    total.view(count * height, width, channels).baddbmm_(across, each_row)


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
