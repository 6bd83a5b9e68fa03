"""The Mutual Perception Unit (MPU), CHARM section 3.3."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from anyseg_core.models.window_bias import WindowBias
from anyseg_core.models.windows import WindowGrid

if TYPE_CHECKING:
    from collections.abc import Mapping


class CrossModalAttention(nn.Module):
    """Window attention from semantic features to the features of any modalities (Eq. 3).

    The query's matrix is shared; each modality has its own matrices for key and value. Inside a
    window, every query sees the tokens of all modalities given. Reading where the paper is silent:
    Swin's relative position bias, shared by the modalities, as the paper takes its W-MHA from Swin.

    Args:
        channels: C.
        heads: attention heads.
        modalities: the names that may be given.
        window: side of a window.
        shifted: whether windows are shifted by half a window.
    """

    def __init__(
        self, channels: int, heads: int, modalities: tuple[str, ...], window: int, *, shifted: bool
    ) -> None:
        super().__init__()
        self.heads = heads
        self.window = window
        self.shifted = shifted
        self.query = nn.Linear(channels, channels, bias=False)
        self.key_value = nn.ModuleDict(
            {name: nn.Linear(channels, 2 * channels, bias=False) for name in modalities}
        )
        self.project = nn.Linear(channels, channels)
        self.position_bias = WindowBias(window, heads)

    def forward(
        self, semantic: Tensor, contexts: Mapping[str, Tensor], choice: Tensor | None
    ) -> Tensor:
        """Attend.

        Args:
            semantic: B x h x w x C, the queries.
            contexts: for each modality given, B x h x w x C.
            choice: [M, B, h, w], one-hot over the M modalities given: at each position, the only
                one whose key and value count (the re-assembled context); None for all of them.

        Returns:
            B x h x w x C.
        """
        grid = WindowGrid.of(
            (semantic.shape[1], semantic.shape[2]), self.window, shifted=self.shifted
        )
        query = self._split_heads(self.query(grid.partition(semantic).flatten(0, 1)))
        key, value = self._keys_and_values(grid, contexts, choice)
        bias = self.position_bias(grid, query, key.shape[2] // query.shape[2])
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        windows = attended.transpose(1, 2).flatten(2)
        merged = grid.merge(windows.view(len(semantic), -1, *windows.shape[1:]))
        out: Tensor = self.project(merged)
        return out

    def _split_heads(self, tokens: Tensor) -> Tensor:
        """N x L x C to N x heads x L x (C / heads)."""
        count, length, channels = tokens.shape
        split = tokens.view(count, length, self.heads, channels // self.heads)
        return split.transpose(1, 2)

    def _keys_and_values(
        self, grid: WindowGrid, contexts: Mapping[str, Tensor], choice: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Keys and values, (B J) x heads x n x (C / heads); n is M L, or L where one is chosen."""
        projected = [
            self.key_value[name](grid.partition(context).flatten(0, 1))
            for name, context in contexts.items()
        ]
        if choice is None:
            tokens = torch.cat(projected, 1)
        else:
            chosen = grid.partition(choice.flatten(0, 1).unsqueeze(3))  # (M B) x J x L x 1
            chosen = chosen.view(len(projected), *projected[0].shape[:2], 1)
            tokens = (torch.stack(projected) * chosen.to(projected[0].dtype)).sum(0)
        key, value = tokens.chunk(2, dim=2)
        return self._split_heads(key), self._split_heads(value)


class MutualPerceptionBlock(nn.Module):
    """One MPU block: cross-modal window attention and a feed-forward layer, both residual.

    Reading where the paper is silent: normalisation before each part and a feed-forward layer of
    ratio 4, as in the Swin block that the paper builds on.
    """

    def __init__(
        self, channels: int, heads: int, modalities: tuple[str, ...], window: int, *, shifted: bool
    ) -> None:
        super().__init__()
        self.norm_query = nn.LayerNorm(channels)
        self.norm_context = nn.LayerNorm(channels)
        self.attention = CrossModalAttention(channels, heads, modalities, window, shifted=shifted)
        self.norm_mlp = nn.LayerNorm(channels)
        self.expand = nn.Linear(channels, 4 * channels)
        self.contract = nn.Linear(4 * channels, channels)

    def forward(
        self, semantic: Tensor, contexts: Mapping[str, Tensor], choice: Tensor | None
    ) -> Tensor:
        """Refine semantic features B x h x w x C; see ``CrossModalAttention.forward``."""
        normed = {name: self.norm_context(context) for name, context in contexts.items()}
        attended = self.attention(self.norm_query(semantic), normed, choice)
        semantic = semantic + attended
        hidden = functional.gelu(self.expand(self.norm_mlp(semantic)))
        out: Tensor = semantic + self.contract(hidden)
        return out
