"""MiT (SegFormer's encoder) and PVTv2: pyramids of attention over reduced keys and values.

Sources: Xie et al., "SegFormer", NeurIPS 2021; Wang et al., "PVT v2", CVMJ 2022. The two share
overlapping patch embeddings, attention whose keys and values come from a strided convolution, and
a feed-forward layer with a depth-wise 3x3 convolution; they differ in widths alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from anyseg_core.models import fused_cpu
from anyseg_core.models.encoders.interface import Encoder, Scales
from anyseg_core.models.encoders.layers import (
    DropPath,
    drop_path_schedule,
    map_from_tokens,
    tokens_from_map,
)

Four = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class PyramidConfig:
    """Widths and depths of one variant, per stage.

    Attributes:
        channels: width of each stage.
        depths: blocks of each stage.
        mlp_ratios: hidden width of the feed-forward layer over the stage's width.
        norm_eps: epsilon of every layer normalisation.
    """

    channels: Four
    depths: Four
    mlp_ratios: Four = (4, 4, 4, 4)
    norm_eps: float = 1e-5


_SMALL: Four = (32, 64, 160, 256)
_LARGE: Four = (64, 128, 320, 512)
_WIDE_MLP: Four = (8, 8, 4, 4)
_HEADS: Four = (1, 2, 5, 8)
_REDUCTIONS: Four = (8, 4, 2, 1)

PYRAMIDS: dict[str, PyramidConfig] = {
    "mit_b0": PyramidConfig(_SMALL, (2, 2, 2, 2)),
    "mit_b1": PyramidConfig(_LARGE, (2, 2, 2, 2)),
    "mit_b2": PyramidConfig(_LARGE, (3, 4, 6, 3)),
    "mit_b3": PyramidConfig(_LARGE, (3, 4, 18, 3)),
    "mit_b4": PyramidConfig(_LARGE, (3, 8, 27, 3)),
    "mit_b5": PyramidConfig(_LARGE, (3, 6, 40, 3)),
    "pvt_v2_b0": PyramidConfig(_SMALL, (2, 2, 2, 2), _WIDE_MLP, 1e-6),
    "pvt_v2_b1": PyramidConfig(_LARGE, (2, 2, 2, 2), _WIDE_MLP, 1e-6),
    "pvt_v2_b2": PyramidConfig(_LARGE, (3, 4, 6, 3), _WIDE_MLP, 1e-6),
    "pvt_v2_b3": PyramidConfig(_LARGE, (3, 4, 18, 3), _WIDE_MLP, 1e-6),
    "pvt_v2_b4": PyramidConfig(_LARGE, (3, 8, 27, 3), _WIDE_MLP, 1e-6),
    "pvt_v2_b5": PyramidConfig(_LARGE, (3, 6, 40, 3), norm_eps=1e-6),
}


def _split(tokens: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Split the channels of tokens N x L x C."""
    parts: Tensor = tokens.unflatten(2, shape)  # type: ignore[no-untyped-call]  # torch's own
    return parts


class ReducedAttention(nn.Module):
    """Multi-head attention of every token to keys and values at a coarser grid."""

    def __init__(self, channels: int, heads: int, reduction: int, norm_eps: float) -> None:
        super().__init__()
        self.heads = heads
        self.reduction = reduction
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.project = nn.Linear(channels, channels)
        if reduction > 1:
            self.reduce = nn.Conv2d(channels, channels, reduction, stride=reduction)
            self.reduce_norm = nn.LayerNorm(channels, eps=norm_eps)

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        """Attend; tokens N x (H W) x C in and out, ``size`` is (H, W)."""
        context = tokens
        if self.reduction > 1:
            reduced = self.reduce(map_from_tokens(tokens, size))
            context = self.reduce_norm(tokens_from_map(reduced))
        query = _split(fused_cpu.linear(self.query, tokens), (self.heads, -1)).transpose(1, 2)
        key_value = _split(fused_cpu.linear(self.key_value, context), (2, self.heads, -1))
        key, value = key_value.permute(2, 0, 3, 1, 4).unbind(0)
        attended = functional.scaled_dot_product_attention(query, key, value)
        return fused_cpu.linear(self.project, attended.transpose(1, 2).flatten(2))


class MixMlp(nn.Module):
    """Feed-forward layer with a depth-wise 3x3 convolution in its middle."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.expand = nn.Linear(channels, hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.project = nn.Linear(hidden, channels)

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        """Transform tokens N x (H W) x C; ``size`` is (H, W)."""
        hidden = fused_cpu.linear(self.expand, tokens)
        return fused_cpu.linear(
            self.project, fused_cpu.convolution_gelu(self.depthwise, hidden, size)
        )


class Block(nn.Module):
    """Attention and feed-forward layer, each normalised before and added to its input."""

    def __init__(self, config: PyramidConfig, index: int, drop_path: float) -> None:
        super().__init__()
        channels, eps = config.channels[index], config.norm_eps
        self.norm1 = nn.LayerNorm(channels, eps=eps)
        self.attention = ReducedAttention(channels, _HEADS[index], _REDUCTIONS[index], eps)
        self.norm2 = nn.LayerNorm(channels, eps=eps)
        self.mlp = MixMlp(channels, channels * config.mlp_ratios[index])
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        """Transform tokens N x (H W) x C; ``size`` is (H, W)."""
        tokens = fused_cpu.add(tokens, self.drop_path(self.attention(self.norm1(tokens), size)))
        return fused_cpu.add(tokens, self.drop_path(self.mlp(self.norm2(tokens), size)))


class Stage(nn.Module):
    """Overlapping patch embedding, blocks, and a last normalisation."""

    def __init__(self, config: PyramidConfig, index: int, drop_paths: list[float]) -> None:
        super().__init__()
        channels, eps = config.channels[index], config.norm_eps
        if index == 0:
            self.embed = nn.Conv2d(3, channels, 7, stride=4, padding=3)
        else:
            self.embed = nn.Conv2d(config.channels[index - 1], channels, 3, stride=2, padding=1)
        self.embed_norm = nn.LayerNorm(channels, eps=eps)
        self.blocks = nn.ModuleList(Block(config, index, rate) for rate in drop_paths)
        self.norm = nn.LayerNorm(channels, eps=eps)

    def forward(self, feature_map: Tensor) -> Tensor:
        """Return the stage's map N x C x H x W."""
        embedded = self.embed(feature_map)
        size = (embedded.shape[2], embedded.shape[3])
        tokens = self.embed_norm(tokens_from_map(embedded))
        for block in self.blocks:
            tokens = block(tokens, size)
        return map_from_tokens(self.norm(tokens), size)


class PyramidEncoder(Encoder):
    """MiT-B0 to B5 and PVTv2-B0 to B5, one class.

    Args:
        config: widths and depths, one of ``PYRAMIDS``.
        drop_path: stochastic depth of the last block in training; earlier ones drop less.
    """

    def __init__(self, config: PyramidConfig, drop_path: float = 0.1) -> None:
        super().__init__()
        self.channels = config.channels
        self.heads = _HEADS
        rates = drop_path_schedule(drop_path, config.depths)
        self.stages = nn.ModuleList(Stage(config, i, rates[i]) for i in range(4))

    def forward(self, images: Tensor) -> Scales:
        """Encode images N x 3 x H x W; see ``Encoder.forward``."""
        first = self.stages[0](images)
        second = self.stages[1](first)
        third = self.stages[2](second)
        return first, second, third, self.stages[3](third)
