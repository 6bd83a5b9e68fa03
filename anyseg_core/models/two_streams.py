"""Parts of a network with a main stream and a hub that gathers all other modalities.

The forms are CMNeXt's (Zhang et al., "Delivering Arbitrary-Modal Semantic Segmentation", CVPR
2023, section 4) and, for rectifying and fusing the two streams, CMX's (Zhang et al., T-ITS 2023),
written anew for comparison.
"""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn import functional

from anyseg_core.models.encoders.layers import DropPath, map_from_tokens, tokens_from_map

_BRANCH_SCALE = 1e-2  # initial weight of a mixer's branches beside what passes them by


class SelfQueryHub(nn.Module):
    """Picks, place by place, the strongest feature of the modalities beside the main one."""

    def __init__(self, channels: int, modalities: tuple[str, ...]) -> None:
        super().__init__()
        self.score = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
                    nn.Conv2d(channels, 1, 1),
                    nn.Sigmoid(),
                )
                for name in modalities
            }
        )

    def forward(
        self, features: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        """Pick; maps B x C x h x w, scores B x 1 x h x w in 0..1.

        Returns:
            The picked map, each modality's map boosted by its scores, and the scores.
        """
        scores = {name: self.score[name](x) for name, x in features.items()}
        boosted = {name: x + x * scores[name] for name, x in features.items()}
        return reduce(torch.maximum, boosted.values()), boosted, scores


class PoolingMixer(nn.Module):
    """A block of the hub's stream: gating by pooled surroundings, then a feed-forward layer.

    The map's channels are weighted by their own means on the way past the feed-forward layer.
    """

    def __init__(self, channels: int, mlp_ratio: int, drop_path: float) -> None:
        super().__init__()
        hidden = mlp_ratio * channels
        self.norm_gate = nn.BatchNorm2d(channels)
        self.local = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.mix = nn.Conv2d(channels, channels, 1)
        self.scale_gate = nn.Parameter(torch.full((channels, 1, 1), _BRANCH_SCALE))
        self.channel_gate = nn.Conv1d(1, 1, 3, padding=1, bias=False)
        self.norm_mlp = nn.BatchNorm2d(channels)
        self.expand = nn.Conv2d(channels, hidden, 1)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.contract = nn.Conv2d(hidden, channels, 1)
        self.scale_mlp = nn.Parameter(torch.full((channels, 1, 1), _BRANCH_SCALE))
        self.drop_path = DropPath(drop_path)

    def forward(self, hub: Tensor) -> Tensor:
        """Transform a map B x C x h x w."""
        hub = hub + self.drop_path(self.scale_gate * self._gated(self.norm_gate(hub)))
        hidden = functional.gelu(self.depthwise(self.expand(self.norm_mlp(hub))))
        branch = self.drop_path(self.scale_mlp * self.contract(hidden))
        means = hub.mean((2, 3)).unsqueeze(1)
        gate = torch.sigmoid(self.channel_gate(means)).transpose(1, 2).unsqueeze(3)
        out: Tensor = hub * gate + branch
        return out

    def _gated(self, normed: Tensor) -> Tensor:
        local = self.local(normed)
        near, middle, far = (
            functional.avg_pool2d(local, side, 1, side // 2, count_include_pad=False)
            for side in (3, 7, 11)
        )
        return normed + torch.sigmoid(self.mix(local + near + middle + far)) * normed


class Rectifier(nn.Module):
    """Corrects each of two streams by the other, channel by channel and place by place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channel_gate = nn.Sequential(
            nn.Linear(4 * channels, 4 * channels),
            nn.ReLU(),
            nn.Linear(4 * channels, 2 * channels),
            nn.Sigmoid(),
        )
        self.place_gate = nn.Sequential(
            nn.Conv2d(2 * channels, channels, 1), nn.ReLU(), nn.Conv2d(channels, 2, 1), nn.Sigmoid()
        )

    def forward(self, main: Tensor, hub: Tensor) -> tuple[Tensor, Tensor]:
        """Return both maps B x C x h x w, rectified."""
        both = torch.cat((main, hub), 1)
        pooled = torch.cat((both.mean((2, 3)), both.amax((2, 3))), 1)
        of_main, of_hub = self.channel_gate(pooled)[:, :, None, None].chunk(2, dim=1)
        at_main, at_hub = self.place_gate(both).chunk(2, dim=1)
        return (
            main + 0.5 * (of_hub + at_hub) * hub,
            hub + 0.5 * (of_main + at_main) * main,
        )


class StreamFusion(nn.Module):
    """Fuses two streams: each asks the other's global context, then both are mixed."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.split = nn.ModuleList(nn.Linear(channels, 2 * channels) for _ in range(2))
        self.key_value = nn.ModuleList(
            nn.Linear(channels, 2 * channels, bias=False) for _ in range(2)
        )
        self.join = nn.ModuleList(nn.Linear(2 * channels, channels) for _ in range(2))
        self.norm = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))
        self.shortcut = nn.Conv2d(2 * channels, channels, 1, bias=False)
        self.mix = nn.Sequential(
            nn.Conv2d(2 * channels, channels, 1),
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 1),
            nn.BatchNorm2d(channels),
        )
        self.mix_norm = nn.BatchNorm2d(channels)

    def forward(self, main: Tensor, hub: Tensor) -> Tensor:
        """Return the fused map B x C x h x w."""
        size = (main.shape[2], main.shape[3])
        streams = [tokens_from_map(main), tokens_from_map(hub)]
        parts = [functional.relu(self.split[i](streams[i])).chunk(2, dim=2) for i in range(2)]
        contexts = [self._context(i, parts[i][1]) for i in range(2)]
        joined = []
        for i, (kept, asking) in enumerate(parts):
            query = asking.reshape(*asking.shape[:2], self.heads, -1).transpose(1, 2)
            answer = (query @ contexts[1 - i]).transpose(1, 2).flatten(2)
            both = self.join[i](torch.cat((kept, answer), 2))
            joined.append(map_from_tokens(self.norm[i](streams[i] + both), size))
        stacked = torch.cat(joined, 1)
        fused: Tensor = self.mix_norm(self.shortcut(stacked) + self.mix(stacked))
        return fused

    def _context(self, index: int, tokens: Tensor) -> Tensor:
        """A stream's global context, B x heads x d x d: linear in the number of tokens."""
        split = (*tokens.shape[:2], 2, self.heads, tokens.shape[2] // self.heads)
        key_value = self.key_value[index](tokens).view(split)
        key, value = key_value.permute(2, 0, 3, 1, 4).unbind(0)
        context: Tensor = key.transpose(2, 3) @ value * key.shape[3] ** -0.5
        return context.softmax(2)
