"""CMNeXt's form, written anew as a comparison: one main modality and a hub for the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from anyseg_core.errors import ConfigurationError
from anyseg_core.models.base import (
    ModelOptions,
    ModelSpec,
    SegmentationModel,
    refuse_state,
    split_modalities,
)
from anyseg_core.models.encoders.layers import (
    drop_path_schedule,
    map_from_tokens,
    tokens_from_map,
)
from anyseg_core.models.encoders.pyramid import PYRAMIDS, PyramidConfig
from anyseg_core.models.output import SegmentationOutput
from anyseg_core.models.two_streams import PoolingMixer, Rectifier, SelfQueryHub, StreamFusion

if TYPE_CHECKING:
    from anyseg_core.models.encoders import Scales

_MLP_RATIOS = (8, 8, 4, 4)
_NORM_EPS = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class CMNeXtOptions(ModelOptions):
    """Options of CMNeXt's form; its head is 512 wide, as published for MiT-B2.

    Attributes:
        folded_head: fuse the head's scales before they are upsampled, as the other models do. It
            gives the same result for less; the published design fuses them after.
    """

    head_width: int = 512
    folded_head: bool = False


class HubStage(nn.Module):
    """One scale of the second stream, and its meeting with the main one.

    Args:
        config: widths and depths, those of the main stream's encoder.
        index: of the scale.
        modalities: all but the main one.
        drop_paths: stochastic depth of each block in training.
    """

    def __init__(
        self,
        config: PyramidConfig,
        index: int,
        modalities: tuple[str, ...],
        heads: int,
        drop_paths: list[float],
    ) -> None:
        super().__init__()
        channels = config.channels[index]
        if index == 0:
            self.embed = nn.Conv2d(3, channels, 7, stride=4, padding=3)
        else:
            self.embed = nn.Conv2d(config.channels[index - 1], channels, 3, stride=2, padding=1)
        self.embed_norm = nn.ModuleDict(
            {name: nn.LayerNorm(channels, eps=_NORM_EPS) for name in modalities}
        )
        self.hub = SelfQueryHub(channels, modalities)
        self.blocks = nn.ModuleList(
            PoolingMixer(channels, _MLP_RATIOS[index], rate) for rate in drop_paths
        )
        self.norm = nn.LayerNorm(channels, eps=_NORM_EPS)
        self.rectify = Rectifier(channels)
        self.fuse = StreamFusion(channels, heads)

    def gather(self, others: dict[str, Tensor]) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Return the others' boosted maps, the hub's map, and mean scores [M - 1, B]."""
        embedded = {}
        for name, feature in others.items():
            embedded[name] = _normed(self.embed_norm[name], self.embed(feature))
        hub, boosted, scores = self.hub(embedded)
        for block in self.blocks:
            hub = block(hub)
        shares = torch.stack([score.float().mean((1, 2, 3)) for score in scores.values()])
        return boosted, _normed(self.norm, hub), shares


def _normed(norm: nn.Module, feature: Tensor) -> Tensor:
    """Normalise a map B x C x h x w over its channels."""
    size = (feature.shape[2], feature.shape[3])
    return map_from_tokens(norm(tokens_from_map(feature)), size)


class CMNeXt(SegmentationModel):
    """A main modality, the first of the model's, with the others gathered by a self-query hub.

    Source of the form: Zhang et al., "Delivering Arbitrary-Modal Semantic Segmentation", CVPR
    2023, with the structure and sizes of its authors' release: with MiT-B2, 25 classes and four
    modalities it has the published 58.73 M parameters. It was made for a fixed set of modalities:
    unlike the other models here it computes every stream always, and a missing modality is a stream
    of zeros. With a single other modality the published design has no hub; here it keeps its
    scores, so that another one can be added.

    ``weights`` are the hub's mean scores, 0..1, and 1 for the main modality.
    """

    def __init__(self, spec: ModelSpec, options: CMNeXtOptions) -> None:
        if spec.encoder not in PYRAMIDS:
            raise ConfigurationError(
                f"cmnext with {spec.encoder}", f"one of {', '.join(PYRAMIDS)}", "choose one of them"
            )
        if len(spec.modalities) < 2:
            raise ConfigurationError(
                f"cmnext with {spec.modalities}",
                "two modalities or more",
                "build segformer for one",
            )
        super().__init__(spec, options)
        self.options = options
        config = PYRAMIDS[spec.encoder]
        rates = drop_path_schedule(options.drop_path, config.depths)
        self.hub_stages = nn.ModuleList(
            HubStage(config, i, spec.modalities[1:], self.encoder.heads[i], rates[i])
            for i in range(4)
        )

    def _segment(
        self, names: tuple[str, ...], images: Tensor, state: tuple[Tensor, ...]
    ) -> SegmentationOutput:
        refuse_state(state)
        present = dict(zip(names, split_modalities(images, len(names)), strict=True))
        zeros = torch.zeros_like(present[names[0]])
        main, *rest = (present.get(name, zeros) for name in self.spec.modalities)
        others = dict(zip(self.spec.modalities[1:], rest, strict=True))
        fused, shares = [], []
        stages = cast("nn.ModuleList", self.encoder.stages)
        for stage, hub_stage in zip(stages, self.hub_stages, strict=True):
            assert isinstance(hub_stage, HubStage)
            main = stage(main)
            boosted, hub, share = hub_stage.gather(others)
            main, hub = hub_stage.rectify(main, hub)
            others = {name: feature + hub for name, feature in boosted.items()}
            fused.append(hub_stage.fuse(main, hub))
            shares.append(share)
        fuse = self.head.fuse_scales if self.options.folded_head else self.head.fuse_upsampled
        logits = self.head.classify(fuse(cast("Scales", tuple(fused))))
        mean = torch.stack(shares).mean(0)
        scores = torch.cat((torch.ones_like(mean[:1]), mean))
        weights = dict(zip(self.spec.modalities, scores.unbind(0), strict=True))
        return SegmentationOutput(logits, {name: weights[name] for name in names}, {}, (), {})
