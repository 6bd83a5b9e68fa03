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
    images_at_once,
    mean_modality,
    split_modalities,
)
from anyseg_core.models.fused_cpu import infers_on_cpu
from anyseg_core.models.fusion import (
    Fused,
    Switches,
    coefficients_of_products,
    fuse_each,
    fuse_modalities,
    fusion_coefficients,
    inner_products,
    weighted_sum,
)
from anyseg_core.models.head_inference import (
    fused_tokens,
    head_maps,
    logits_of_scores,
    scores,
)
from anyseg_core.models.output import SegmentationOutput
from anyseg_core.models.separable import SeparableModel

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


def options_in_head(spec: ModelSpec) -> Any2SegOptions | None:
    """Return a model's options where it is Any2Seg and its modalities meet in the head."""
    if spec.name != "any2seg":
        return None
    options = Any2SegOptions(**spec.options)  # type: ignore[arg-type]  # ``build_model`` checked it
    return options if options.fusion_level == "head" else None


class Any2Seg(SeparableModel):
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

    def encode(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return what ``SeparableModel.encode`` does; at the fusion level ``head``, its maps."""
        return self._in_parts(self._head_maps if self.meets_in_head else self.encoder, images)

    @property
    def meets_in_head(self) -> bool:
        """Whether modalities meet in the sum of the head's maps."""
        return self.options.fusion_level == "head"

    def fuse_maps(self, features: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Fuse the encoder's scales of one sample; see ``SeparableModel.fuse_maps``."""
        first = self._first_level(features)
        scales = [scale.mean(0, keepdim=True) for scale in features[:first]]
        shares = []
        for scale in features[first:]:
            tokens = scale.permute(0, 2, 3, 1)
            coefficients, weights = self._coefficients(tokens)
            scales.append(_weighted_sum(coefficients, tokens).permute(0, 3, 1, 2))
            shares.append(weights)
        maps = head_maps(self.head, cast("Scales", tuple(scales)))
        return *maps, torch.stack(shares).mean(0)

    def fuse(self, features: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Fuse the modalities of one sample; see ``SeparableModel.fuse``."""
        if not self.meets_in_head:
            return super().fuse(features)
        if infers_on_cpu(features[0]):
            return self._fuse_each(features)
        tokens = fused_tokens(features)
        coefficients, weights = self._coefficients(tokens)
        products = scores(self.head, tokens)  # linear, as the sum is
        return logits_of_scores(self.head, _weighted_sum(coefficients, products)), weights

    def _fuse_each(self, features: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Do what ``fuse`` does, one modality after the other."""
        single = zip(*(split_modalities(each, len(each)) for each in features), strict=True)
        maps = [fused_tokens(each)[0] for each in single]
        tokens = [each.flatten(0, 1) for each in maps]
        coefficients, weights = coefficients_of_products(inner_products(tokens), **self._switches())
        products = weighted_sum([scores(self.head, each) for each in tokens], coefficients)
        return logits_of_scores(self.head, products.view(1, *maps[0].shape[:2], -1)), weights

    def _segment(
        self, names: tuple[str, ...], images: Tensor, state: tuple[Tensor, ...]
    ) -> SegmentationOutput:
        if self.meets_in_head and not (self.training or state) and infers_on_cpu(images):
            return self._segment_each(names, images)
        features = self._in_parts(self._meeting_maps, images)
        first = self._first_level(features)
        if state and len(state) != len(features) - first:
            raise ConfigurationError(
                f"a carried state of {len(state)} maps",
                f"{len(features) - first} maps at fusion_level={self.options.fusion_level}",
                "pass the state that this model returned",
            )
        stacked = [level.view(len(names), -1, *level.shape[1:]) for level in features[first:]]
        fused = [
            self._fuse_level(maps, state[i] if state else None) for i, maps in enumerate(stacked)
        ]
        means = [mean_modality(scale, len(names)) for scale in features[:first]]
        weights = torch.stack([level.weights for level in fused]).mean(0)
        return SegmentationOutput(
            logits=self.head.classify(self._fused_map(means, fused)),
            weights=dict(zip(names, weights.unbind(0), strict=True)),
            features=dict(zip(names, stacked[-1].unbind(0), strict=True)),
            state=tuple(level.map for level in fused),
            auxiliary=self._base_logits(features),
        )

    def _segment_each(self, names: tuple[str, ...], images: Tensor) -> SegmentationOutput:
        """Do what ``_segment`` does, for inference: each modality's map stays where it was made."""
        if len(images) <= images_at_once(images):
            maps = split_modalities(self._meeting_maps(images)[0], len(names))
        else:
            single = split_modalities(images, len(names))
            maps = tuple(self._in_parts(self._meeting_maps, each)[0] for each in single)
        fused = fuse_each(maps, **self._switches())
        return SegmentationOutput(
            logits=self.head.classify(fused.map),
            weights=dict(zip(names, fused.weights.unbind(0), strict=True)),
            features=dict(zip(names, maps, strict=True)),
            state=(fused.map,),
            auxiliary={},
        )

    def _first_level(self, features: tuple[Tensor, ...]) -> int:
        """Which of the features is the first that MFF fuses; those before are averaged."""
        return len(features) - 1 if self.options.fusion_level == "last" else 0

    def _meeting_maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """The maps that modalities meet in: the head's alone, or the encoder's four."""
        scales = self.encoder(images)
        return (self.head.fuse_scales(scales),) if self.meets_in_head else scales

    def _head_maps(self, images: Tensor) -> tuple[Tensor, ...]:
        return head_maps(self.head, self.encoder(images))

    def _coefficients(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Coefficients h x w x M and weights [M] of one sample's tokens M x h x w x C."""
        coefficients, weights = fusion_coefficients(tokens.flatten(1, 2), **self._switches())
        return coefficients.view(tokens.shape[1], tokens.shape[2], -1), weights

    def _fuse_level(self, features: Tensor, carried: Tensor | None) -> Fused:
        return fuse_modalities(features, carried, **self._switches())

    def _switches(self) -> Switches:
        options = self.options
        return Switches(
            iterations=options.iterations,
            reweight=options.reweight,
            selection=options.selection,
            residual=options.residual,
        )

    def _fused_map(self, means: list[Tensor], fused: list[Fused]) -> Tensor:
        """The head's map B x width x h x w, of which the fused maps are a part or the whole."""
        maps = [level.map for level in fused]
        if self.meets_in_head:
            return maps[0]
        return self.head.fuse_scales(cast("Scales", (*means, *maps)))

    def _base_logits(self, features: tuple[Tensor, ...]) -> dict[str, Tensor]:
        if not self.training or self.options.base_weight == 0.0:
            return {}
        own = features[0] if self.meets_in_head else self.head.fuse_scales(cast("Scales", features))
        return {"base": self.head.classify(own)}


def _weighted_sum(coefficients: Tensor, tokens: Tensor) -> Tensor:
    """Sum M tokens M x h x w x C, each times its coefficient h x w x M: 1 x h x w x C."""
    each = coefficients.permute(2, 0, 1).unsqueeze(3).to(tokens.dtype) * tokens
    return each.sum(0, keepdim=True)
