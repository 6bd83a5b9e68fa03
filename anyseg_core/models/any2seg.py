"""Any2Seg: a shared encoder and modality-agnostic feature fusion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from anyseg_core.errors import ConfigurationError
from anyseg_core.models.base import (
    ModelOptions,
    ModelSpec,
    SegmentationModel,
    mean_modality,
)
from anyseg_core.models.fusion import Fused, fuse_modalities
from anyseg_core.models.output import SegmentationOutput

if TYPE_CHECKING:
    from anyseg_core.models.encoders import Scales

FUSION_LEVELS = ("head", "last", "every")


@dataclass(frozen=True, slots=True, kw_only=True)
class Any2SegOptions(ModelOptions):
    """Options of Any2Seg; the three switches are those of the paper's Table 6.

    Attributes:
        reweight: weigh each modality by its cosine with the state.
        selection: select the nearest modality at each pixel.
        residual: add what was balanced and what was selected.
        iterations: how often one forward pass renews the state f_ma.
        fusion_level: where modalities meet: ``head``, the head's maps at stride 4; ``last``, the
            encoder's last stage, the others averaged; ``every``, each stage of the encoder.
        base_weight: weight of L_base, the cross-entropy of each modality alone (reading: 1).
    """

    reweight: bool = True
    selection: bool = True
    residual: bool = True
    iterations: int = 1
    fusion_level: str = "head"
    base_weight: float = 1.0

    def __post_init__(self) -> None:
        super(Any2SegOptions, self).__post_init__()
        if self.iterations < 1:
            raise ConfigurationError(f"iterations={self.iterations}", "at least 1", "raise it")
        if self.fusion_level not in FUSION_LEVELS:
            raise ConfigurationError(
                f"fusion_level={self.fusion_level!r}",
                f"one of {', '.join(FUSION_LEVELS)}",
                "correct fusion_level",
            )


class Any2Seg(SegmentationModel):
    """Segmentation from any modalities.

    Source: Zheng et al., "Learning Modality-agnostic Representation for Semantic Segmentation from
    Any Modalities", ECCV 2024, section 3.3. With MiT-B2 and 25 classes it has 24.73 M parameters,
    as published, so the fusion has none of its own.

    ``weights`` are the re-weighting cosines, in -1..1 (0..1 at the fusion level ``head``, whose
    maps are non-negative); at the level ``every`` their mean over the stages. ``state`` holds f_ma,
    one map per fused level. While training, ``auxiliary["base"]`` holds each modality's own logits.
    """

    def __init__(self, spec: ModelSpec, options: Any2SegOptions) -> None:
        super().__init__(spec, options)
        self.options = options
        self.loss_weights["base"] = options.base_weight

    def _segment(
        self, names: tuple[str, ...], images: Tensor, state: tuple[Tensor, ...]
    ) -> SegmentationOutput:
        levels, scales = self._levels(images)
        if state and len(state) != len(levels):
            raise ConfigurationError(
                f"a carried state of {len(state)} maps",
                f"{len(levels)} maps at fusion_level={self.options.fusion_level}",
                "pass the state that this model returned",
            )
        stacked = [level.view(len(names), -1, *level.shape[1:]) for level in levels]
        fused = [
            self._fuse_level(features, state[i] if state else None)
            for i, features in enumerate(stacked)
        ]
        maps = [level.map for level in fused]
        weights = torch.stack([level.weights for level in fused]).mean(0)
        return SegmentationOutput(
            logits=self.head.classify(self._head_map(maps, scales, len(names))),
            weights=dict(zip(names, weights.unbind(0), strict=True)),
            features=dict(zip(names, stacked[-1].unbind(0), strict=True)),
            state=tuple(maps),
            auxiliary=self._base_logits(levels[-1], scales),
        )

    def _levels(self, images: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """The maps M B x C x h x w that MFF fuses, and the encoder's scales where they differ."""
        if self.options.fusion_level == "head":
            return self._in_parts(lambda part: (self._head_maps(part),), images), ()
        scales = self._in_parts(self.encoder, images)
        return scales if self.options.fusion_level == "every" else scales[3:], scales

    def _head_maps(self, images: Tensor) -> Tensor:
        return self.head.fuse_scales(self.encoder(images))

    def _fuse_level(self, features: Tensor, carried: Tensor | None) -> Fused:
        options = self.options
        return fuse_modalities(
            features,
            carried,
            iterations=options.iterations,
            reweight=options.reweight,
            selection=options.selection,
            residual=options.residual,
        )

    def _head_map(self, fused: list[Tensor], scales: tuple[Tensor, ...], count: int) -> Tensor:
        """The head's map B x width x h x w, of which the fused maps are a part or the whole."""
        if self.options.fusion_level == "head":
            return fused[0]
        means = [mean_modality(scale, count) for scale in scales[: 4 - len(fused)]]
        return self.head.fuse_scales(cast("Scales", (*means, *fused)))

    def _base_logits(self, last_level: Tensor, scales: tuple[Tensor, ...]) -> dict[str, Tensor]:
        if not self.training or self.options.base_weight == 0.0:
            return {}
        at_head = self.options.fusion_level == "head"
        own = last_level if at_head else self.head.fuse_scales(cast("Scales", scales))
        return {"base": self.head.classify(own)}
