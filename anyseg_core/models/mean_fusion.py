"""The baseline that averages modalities: CHARM's variant (a)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from anyseg_core.models.base import mean_modality, refuse_state
from anyseg_core.models.head_inference import head_maps
from anyseg_core.models.output import SegmentationOutput
from anyseg_core.models.separable import SeparableModel

if TYPE_CHECKING:
    from anyseg_core.models.encoders import Scales


class MeanFusion(SeparableModel):
    """Additive fusion: the mean of the modalities present at each scale, then the head.

    The mean rather than the sum, so that features keep their size whatever is missing. With one
    modality it is plain SegFormer. ``weights`` are 1 / M for each of the M modalities present.
    """

    def fuse_maps(self, features: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Average one sample's maps; see ``SeparableModel.fuse_maps``."""
        means = tuple(scale.mean(0, keepdim=True) for scale in features)
        ones = torch.ones_like(features[0][:, 0, 0, 0], dtype=torch.float32)
        return *head_maps(self.head, cast("Scales", means)), ones / ones.sum()

    def _segment(
        self, names: tuple[str, ...], images: Tensor, state: tuple[Tensor, ...]
    ) -> SegmentationOutput:
        refuse_state(state)
        means = tuple(mean_modality(scale, len(names)) for scale in self.encode(images))
        logits = self.head.classify(self.head.fuse_scales(cast("Scales", means)))
        share = torch.full((logits.shape[0],), 1.0 / len(names), device=logits.device)
        return SegmentationOutput(logits, dict.fromkeys(names, share), {}, (), {})
