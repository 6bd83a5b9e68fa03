"""What a segmentation model returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class SegmentationOutput(NamedTuple):
    """The result of one forward pass over B samples.

    Attributes:
        logits: B x K x H x W, or B x K x h x w at stride 4 from ``segment_low``.
        weights: for each modality present, float32 [B]: how much it counted, by the measure that
            the model's class documents.
        features: for each modality present, the map B x C x h x w that entered the last fusion;
            empty for models that do not fuse at one place.
        state: the fused maps f_ma, B x C x h x w each, one per fused level, the last one last; a
            model with memory takes them back on the next frame of a video. Empty for models
            without memory.
        auxiliary: while training, stride-4 logits n B x K x h x w of each further supervised
            branch (its n maps stacked along the batch); empty otherwise.
    """

    logits: Tensor
    weights: dict[str, Tensor]
    features: dict[str, Tensor]
    state: tuple[Tensor, ...]
    auxiliary: dict[str, Tensor]
