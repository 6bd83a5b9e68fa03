"""CHARM's work in inference, on rows of tokens: it gives what ``CharmScale`` gives in evaluation.

Tokens stand window by window from the projectors on, so that attention finds its windows in
neighbouring rows, and are put in another order only where the windows shift. What a layer
normalisation multiplies with and adds is taken into the keys' and values' matrices, so that one
normalisation serves all blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from anyseg_core.models.encoders.layers import tokens_from_map
from anyseg_core.models.windows import WindowGrid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from anyseg_core.models.charm import CharmScale
    from anyseg_core.models.mutual_perception import MutualPerceptionBlock
    from anyseg_core.models.semantic_projection import SemanticProjector

PER_BLOCK = 2
"""Features of each MPU block: keys and values."""


def read_tokens(scale: CharmScale, name: str, feature_map: Tensor) -> tuple[Tensor, ...]:
    """Return all that follows from one modality's map B x C x h x w alone.

    Returns:
        Its raw robustness B x h x w x 1; its semantic tokens B x (J L) x C, J windows of L places,
        in the order of the first block's windows; then keys and values B x (J L) x C of each block
        in turn, each in the order of its own windows.
    """
    size = _fixed(feature_map.shape[2:])
    orders = Orders(scale, size)
    projector = cast("SemanticProjector", scale.projectors[name])
    *depthwise, pointwise = projector
    for layer in depthwise:
        feature_map = layer(feature_map)
    assert isinstance(pointwise, nn.Conv2d)
    tokens = tokens_from_map(feature_map)
    semantic = functional.linear(tokens, pointwise.weight.flatten(1), pointwise.bias)
    raw = functional.linear(semantic, scale.evaluator.score.weight.flatten(1))
    semantic = orders.from_raster(semantic)
    normal = functional.layer_norm(semantic, semantic.shape[2:])
    contexts: list[Tensor] = []
    for block, rows in orders.through(scale, normal):
        norm, both = block.norm_context, block.attention.key_value[name]
        assert isinstance(both, nn.Linear)
        contexts += (
            functional.linear(rows, weight * norm.weight, weight @ norm.bias)
            for weight in both.weight.chunk(2)
        )
    return raw.view(-1, *size, 1), semantic, *contexts


def collaborate(
    scale: CharmScale, read: Sequence[Tensor], before: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return what ``CharmScale.collaborate`` gives, of one sample.

    Args:
        scale: CHARM's parts there.
        read: what ``read_tokens`` returned, of M modalities, which come first in each.
        before: 1 x C x h x w, what the finer scale adds to the queries.

    Returns:
        The collaborative map 1 x C x h x w, and the mean scores [M].
    """
    raw, semantics, *contexts = read
    size = _fixed(raw.shape[1:3])
    orders = Orders(scale, size)
    scores = raw.flatten(1, 2).softmax(0)
    semantic = (orders.from_raster(scores) * semantics).sum(0, keepdim=True)
    if before is not None:
        semantic = semantic + orders.from_raster(tokens_from_map(before))
    for i, block in enumerate(cast("Iterable[MutualPerceptionBlock]", scale.blocks)):
        semantic = orders.between(i - 1, i, semantic)
        key, value = contexts[PER_BLOCK * i : PER_BLOCK * (i + 1)]
        semantic = semantic + _attend(block, orders.grids[i], semantic, key, value)
        hidden = functional.gelu(block.expand(block.norm_mlp(semantic)))
        semantic = semantic + block.contract(hidden)
    rows = orders.to_raster(semantic).view(1, *size, -1)
    return rows.permute(0, 3, 1, 2), scores.float().mean((1, 2))


class Orders:
    """In which order the tokens of a scale stand: by rows of the map, or by a block's windows.

    Args:
        scale: its blocks say how windows are shifted.
        size: (h, w) of the map.
    """

    def __init__(self, scale: CharmScale, size: tuple[int, int]) -> None:
        blocks = cast("Iterable[MutualPerceptionBlock]", scale.blocks)
        self.grids = [
            WindowGrid.of(size, block.attention.window, shifted=block.attention.shifted)
            for block in blocks
        ]

    def from_raster(self, tokens: Tensor) -> Tensor:
        """Put tokens B x (h w) x C in the order of the first block's windows."""
        if not self.grids:
            return tokens
        return tokens.index_select(1, self.grids[0].places(tokens.device))

    def to_raster(self, tokens: Tensor) -> Tensor:
        """Put tokens in the order of the last block's windows back: B x (h w) x C."""
        if not self.grids:
            return tokens
        return tokens.index_select(1, self.grids[-1].places_back(tokens.device))

    def between(self, old: int, new: int, tokens: Tensor) -> Tensor:
        """Put tokens that stand in block ``old``'s order, -1 being as 0, in block ``new``'s."""
        before, after = self.grids[max(old, 0)], self.grids[new]
        if before == after:
            return tokens
        back = before.places_back(tokens.device)
        return tokens.index_select(1, back[after.places(tokens.device)])

    def through(
        self, scale: CharmScale, tokens: Tensor
    ) -> Iterator[tuple[MutualPerceptionBlock, Tensor]]:
        """Give each block with the tokens, from the first block's order, in its own."""
        made = {}
        for i, block in enumerate(cast("Iterable[MutualPerceptionBlock]", scale.blocks)):
            grid = self.grids[i]
            if grid not in made:
                made[grid] = self.between(0, i, tokens)
            yield block, made[grid]


def _fixed(size: torch.Size) -> tuple[int, int]:
    """Return (h, w) as numbers that a traced graph holds on to: its windows are for one size."""
    height, width = (int(side) for side in size)
    return height, width


def _attend(
    block: MutualPerceptionBlock, grid: WindowGrid, tokens: Tensor, key: Tensor, value: Tensor
) -> Tensor:
    """Attend from tokens 1 x (J L) x C to keys and values M x (J L) x C, window by window."""
    attention = block.attention
    places, count, channels = grid.window**2, key.shape[0], tokens.shape[2]

    def heads(each: Tensor) -> Tensor:
        """From M x (J L) x C to J x heads x (M L) x (C / heads)."""
        cut = each.view(-1, grid.number, places, channels).transpose(0, 1)
        split = cut.reshape(grid.number, -1, attention.heads, channels // attention.heads)
        return split.transpose(1, 2)

    query = heads(attention.query(block.norm_query(tokens)))
    bias = attention.position_bias(grid, query, count)
    attended = functional.scaled_dot_product_attention(
        query, heads(key), heads(value), attn_mask=bias
    )
    out: Tensor = attention.project(attended.transpose(1, 2).reshape(1, -1, channels))
    return out
