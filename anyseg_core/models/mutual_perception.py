"""The Mutual Perception Unit (MPU), CHARM section 3.3.

Keys and values follow from each modality alone, so they are made apart from the attention.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from anyseg_core.models.window_bias import WindowBias
from anyseg_core.models.windows import WindowGrid


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

    def context(self, name: str, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the keys and the values of one modality's features B x h x w x C.

        They do not depend on the queries. They lie window by window and head by head:
        B x J x heads x L x (C / heads) each, J windows of L places.
        """
        tokens = self.key_value[name](self._grid(rows).partition(rows))
        split = tokens.view(*tokens.shape[:3], 2, self.heads, -1)
        key, value = split.permute(3, 0, 1, 4, 2, 5).unbind(0)
        return key, value

    def forward(
        self, semantic: Tensor, contexts: tuple[Tensor, Tensor], choice: Tensor | None
    ) -> Tensor:
        """Attend.

        Args:
            semantic: B x h x w x C, the queries.
            contexts: keys and values as ``context`` returns them, of M modalities, which come
                first: M x B x J x heads x L x (C / heads).
            choice: [M, B, h, w], one-hot over the M modalities given: at each position, the only
                one whose key and value count (the re-assembled context); None for all of them.

        Returns:
            B x h x w x C.
        """
        grid = self._grid(semantic)
        tokens = self.query(grid.partition(semantic).flatten(0, 1))
        query = tokens.view(*tokens.shape[:2], self.heads, -1).transpose(1, 2)
        chosen = None
        if choice is not None:
            chosen = grid.partition(choice.flatten(0, 1).unsqueeze(3))  # (M B) x J x L x 1
            chosen = chosen.view(*contexts[0].shape[:3], 1, -1, 1)
        key, value = (_seen(each, chosen) for each in contexts)
        bias = self.position_bias(grid, query, contexts[0].shape[0] if chosen is None else 1)
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        windows = attended.transpose(1, 2).flatten(2)
        merged = grid.merge(windows.view(len(semantic), -1, *windows.shape[1:]))
        out: Tensor = self.project(merged)
        return out

    def _grid(self, rows: Tensor) -> WindowGrid:
        return WindowGrid.of((rows.shape[1], rows.shape[2]), self.window, shifted=self.shifted)


def _seen(context: Tensor, chosen: Tensor | None) -> Tensor:
    """Return the keys, or values, of each window: (B J) x heads x (M L or L) x (C / heads)."""
    if chosen is None:
        return context.permute(1, 2, 3, 0, 4, 5).flatten(3, 4).flatten(0, 1)
    return (context * chosen.to(context.dtype)).sum(0).flatten(0, 1)


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

    def context(self, name: str, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return one modality's keys and values; see ``CrossModalAttention.context``."""
        return self.attention.context(name, self.norm_context(rows))

    def forward(
        self, semantic: Tensor, contexts: tuple[Tensor, Tensor], choice: Tensor | None
    ) -> Tensor:
        """Refine semantic features B x h x w x C; see ``CrossModalAttention.forward``."""
        attended = self.attention(self.norm_query(semantic), contexts, choice)
        semantic = semantic + attended
        hidden = functional.gelu(self.expand(self.norm_mlp(semantic)))
        out: Tensor = semantic + self.contract(hidden)
        return out
