"""Swin Transformer, tiny: attention inside windows, plain and shifted in turn.

Source: Liu et al., "Swin Transformer", ICCV 2021. Maps that are no multiple of the window are
padded; unlike in the authors' code, padding is not attended to, and a lone window is not shifted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from anyseg_core.models.encoders.interface import Encoder
from anyseg_core.models.encoders.layers import DropPath, drop_path_schedule
from anyseg_core.models.window_bias import WindowBias
from anyseg_core.models.windows import WindowGrid

if TYPE_CHECKING:
    from anyseg_core.models.encoders.interface import Scales

_WINDOW = 7
_CHANNELS = (96, 192, 384, 768)
_DEPTHS = (2, 2, 6, 2)
_HEADS = (3, 6, 12, 24)


class WindowAttention(nn.Module):
    """Self-attention inside the windows of a map."""

    def __init__(self, channels: int, heads: int, *, shifted: bool) -> None:
        super().__init__()
        self.heads = heads
        self.shifted = shifted
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.project = nn.Linear(channels, channels)
        self.position_bias = WindowBias(_WINDOW, heads)

    def forward(self, rows: Tensor) -> Tensor:
        """Attend; N x h x w x C in and out."""
        grid = WindowGrid.of((rows.shape[1], rows.shape[2]), _WINDOW, shifted=self.shifted)
        windows = grid.partition(rows).flatten(0, 1)
        count, length, channels = windows.shape
        split = (count, length, 3, self.heads, channels // self.heads)
        query, key, value = self.query_key_value(windows).view(split).permute(2, 0, 3, 1, 4)
        bias = self.position_bias(grid, query, repeats=1)
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        joined = attended.transpose(1, 2).flatten(2).view(rows.shape[0], -1, length, channels)
        out: Tensor = self.project(grid.merge(joined))
        return out


class Block(nn.Module):
    """Window attention and feed-forward layer, each normalised before and added to its input."""

    def __init__(self, channels: int, heads: int, drop_path: float, *, shifted: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, heads, shifted=shifted)
        self.norm2 = nn.LayerNorm(channels)
        self.expand = nn.Linear(channels, 4 * channels)
        self.contract = nn.Linear(4 * channels, channels)
        self.drop_path = DropPath(drop_path)

    def forward(self, rows: Tensor) -> Tensor:
        """Transform N x h x w x C."""
        rows = rows + self.drop_path(self.attention(self.norm1(rows)))
        hidden = functional.gelu(self.expand(self.norm2(rows)))
        out: Tensor = rows + self.drop_path(self.contract(hidden))
        return out


class PatchMerging(nn.Module):
    """Halves a map: each 2 x 2 places become one of twice the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * channels)
        self.reduce = nn.Linear(4 * channels, 2 * channels, bias=False)

    def forward(self, rows: Tensor) -> Tensor:
        """N x h x w x C to N x ceil(h / 2) x ceil(w / 2) x 2C."""
        rows = functional.pad(rows, (0, 0, 0, rows.shape[2] % 2, 0, rows.shape[1] % 2))
        corners = [rows[:, down::2, right::2] for right in (0, 1) for down in (0, 1)]
        out: Tensor = self.reduce(self.norm(torch.cat(corners, 3)))
        return out


class SwinTiny(Encoder):
    """Swin-T with a normalisation after each scale.

    Args:
        drop_path: stochastic depth of the last block in training; earlier ones drop less.
    """

    def __init__(self, drop_path: float = 0.1) -> None:
        super().__init__()
        self.channels = _CHANNELS
        self.heads = _HEADS
        self.embed = nn.Conv2d(3, _CHANNELS[0], 4, stride=4)
        self.embed_norm = nn.LayerNorm(_CHANNELS[0])
        rates = drop_path_schedule(drop_path, _DEPTHS)
        self.stages = nn.ModuleList(
            nn.Sequential(
                *(
                    Block(_CHANNELS[i], _HEADS[i], rate, shifted=j % 2 == 1)
                    for j, rate in enumerate(rates[i])
                )
            )
            for i in range(4)
        )
        self.merges = nn.ModuleList(PatchMerging(count) for count in _CHANNELS[:3])
        self.norms = nn.ModuleList(nn.LayerNorm(count) for count in _CHANNELS)

    def forward(self, images: Tensor) -> Scales:
        """Encode images N x 3 x H x W; see ``Encoder.forward``."""
        padded = functional.pad(images, (0, -images.shape[3] % 4, 0, -images.shape[2] % 4))
        rows = self.embed_norm(self.embed(padded).permute(0, 2, 3, 1))
        scales = []
        for i in range(4):
            rows = self.stages[i](rows)
            scales.append(self.norms[i](rows).permute(0, 3, 1, 2))
            if i < 3:
                rows = self.merges[i](rows)
        return scales[0], scales[1], scales[2], scales[3]
