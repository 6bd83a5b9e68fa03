"""CHARM: mutual perception with collaborative learning and individual enhancement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from anyseg_core.errors import ConfigurationError
from anyseg_core.models.base import (
    ModelOptions,
    ModelSpec,
    refuse_state,
    split_modalities,
)
from anyseg_core.models.mutual_perception import MutualPerceptionBlock
from anyseg_core.models.output import SegmentationOutput
from anyseg_core.models.semantic_projection import (
    RobustnessEvaluator,
    SemanticProjector,
    fragility,
    weighted_sum,
)
from anyseg_core.models.separable import SeparableModel

if TYPE_CHECKING:
    from anyseg_core.models.encoders import Scales

# The paper's Table 2: which of MPU and InE a variant has; all have CoL. (a) is ``mean_fusion``.
_VARIANTS = {"b": (False, False), "c": (True, False), "d": (False, True), "e": (True, True)}


@dataclass(frozen=True, slots=True, kw_only=True)
class CharmOptions(ModelOptions):
    """Options of CHARM; where the paper is silent, the defaults are readings.

    Attributes:
        variant: ``b`` to ``e`` of the paper's Table 2; ``e`` is the whole, and (a), which has
            none of CHARM's parts, is the model ``mean_fusion``.
        window: side of an MPU window in cells of its scale.
        blocks: MPU blocks per scale, every second one shifted.
        between_scales: add the downsampled fused map of one scale to the queries of the next.
        modality_dropout: probability of leaving out each modality in training; one always stays.
        col_weight: weight of the collaborative loss (Eq. 7).
        ine_weight: weight of the individual-enhancement loss (Eq. 7).
    """

    variant: str = "e"
    window: int = 8
    blocks: int = 2
    between_scales: bool = False
    modality_dropout: float = 0.0
    col_weight: float = 1.0
    ine_weight: float = 1.0

    def __post_init__(self) -> None:
        super(CharmOptions, self).__post_init__()
        if self.variant not in _VARIANTS:
            raise ConfigurationError(
                f"variant={self.variant!r}", "one of b, c, d, e", "for (a) build mean_fusion"
            )
        for name, least in (("window", 2), ("blocks", 1)):
            if getattr(self, name) < least:
                raise ConfigurationError(
                    f"{name}={getattr(self, name)}", f"at least {least}", "raise it"
                )
        if not 0.0 <= self.modality_dropout < 1.0:
            raise ConfigurationError(
                f"modality_dropout={self.modality_dropout}", "0 <= value < 1", "correct it"
            )


class CharmScale(nn.Module):
    """CHARM's parts at one scale of C channels.

    Args:
        channels: C.
        heads: attention heads of the MPU blocks.
        modalities: the model's modalities.
        options: of the model.
    """

    def __init__(
        self, channels: int, heads: int, modalities: tuple[str, ...], options: CharmOptions
    ) -> None:
        super().__init__()
        self.projectors = nn.ModuleDict({name: SemanticProjector(channels) for name in modalities})
        self.evaluator = RobustnessEvaluator(channels)
        has_mpu = _VARIANTS[options.variant][0]
        self.blocks = nn.ModuleList(
            MutualPerceptionBlock(channels, heads, modalities, options.window, shifted=i % 2 == 1)
            for i in range(options.blocks if has_mpu else 0)
        )

    def project(self, features: dict[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        """Return each modality's semantic map and the scores, M x B x 1 x h x w."""
        semantics = {name: self.projectors[name](x) for name, x in features.items()}
        return semantics, self.evaluator(list(semantics.values()))

    def collaborate(
        self, semantics: dict[str, Tensor], scores: Tensor, before: Tensor | None
    ) -> Tensor:
        """The collaborative map f_CoL, B x C x h x w (section 3.4).

        In training, keys and values come from the re-assembled context: at each position from a
        random modality. In evaluation every modality's tokens are context. Without MPU, f_CoL is
        the robustness-weighted sum itself.
        """
        query = weighted_sum(scores, list(semantics.values()))
        choice = _random_choice(scores[:, :, 0]) if self.training else None
        return self._perceive(query if before is None else query + before, semantics, choice)

    def enhance(
        self, semantics: dict[str, Tensor], scores: Tensor, before: Tensor | None
    ) -> Tensor:
        """The enhanced map f_InE, B x C x h x w (section 3.5).

        Two modalities are drawn, fragile ones more often: one gives the queries, the other the
        keys and values. The draws are independent, so both may be the same. Without MPU, f_InE is
        the mean of the two (reading).
        """
        names = list(semantics)
        first, second = torch.multinomial(fragility(scores), 2, replacement=True).tolist()
        query, context = semantics[names[first]], semantics[names[second]]
        if not self.blocks:
            query = (query + context) / 2
        return self._perceive(
            query if before is None else query + before, {names[second]: context}, None
        )

    def _perceive(
        self, query: Tensor, contexts: dict[str, Tensor], choice: Tensor | None
    ) -> Tensor:
        semantic = query.permute(0, 2, 3, 1)
        rows = {name: context.permute(0, 2, 3, 1) for name, context in contexts.items()}
        for block in self.blocks:
            semantic = block(semantic, rows, choice)
        return semantic.permute(0, 3, 1, 2)


class Charm(SeparableModel):
    """Collaborative harmonisation across arbitrary modalities.

    Source: Wen et al., "CHARM: Collaborative Harmonization across Arbitrary Modalities for
    Modality-agnostic Semantic Segmentation", section 3.

    ``weights`` are the robustness scores, averaged over pixels and scales: 0..1, with sum 1 over
    the modalities present. While training, ``auxiliary["ine"]`` holds the enhanced prediction.

    The number of windows follows the input's size, so an export holds for one size.
    """

    def __init__(self, spec: ModelSpec, options: CharmOptions) -> None:
        super().__init__(spec, options)
        self.options = options
        self.loss_weights = {"sup": options.col_weight, "ine": options.ine_weight}
        channels, heads = self.encoder.channels, self.encoder.heads
        self.scales = nn.ModuleList(
            CharmScale(count, number, spec.modalities, options)
            for count, number in zip(channels, heads, strict=True)
        )
        self.between = nn.ModuleList(
            nn.Conv2d(channels[i], channels[i + 1], 3, stride=2, padding=1)
            for i in range(3 if options.between_scales else 0)
        )

    def fuse(
        self, names: tuple[str, ...], features: tuple[Tensor, ...], state: tuple[Tensor, ...] = ()
    ) -> SegmentationOutput:
        """Collaborate at each scale, then run the head; see ``SeparableModel.fuse``."""
        refuse_state(state)
        kept = self._kept(names)
        enhancing = self.training and _VARIANTS[self.options.variant][1]
        collaborative: list[Tensor] = []
        enhanced: list[Tensor] = []
        shares = []
        for part, scale in zip(self.scales, features, strict=True):
            assert isinstance(part, CharmScale)
            present = zip(names, split_modalities(scale, len(names)), strict=True)
            semantics, scores = part.project({n: feature for n, feature in present if n in kept})
            shares.append(scores.float().mean(dim=(2, 3, 4)))
            before = self._before(collaborative)
            collaborative.append(part.collaborate(semantics, scores, before))
            if enhancing:
                enhanced.append(part.enhance(semantics, scores, self._before(enhanced)))
        weights = torch.stack(shares).mean(0)
        logits, auxiliary = self._run_head(collaborative, enhanced)
        return SegmentationOutput(
            logits, dict(zip(kept, weights.unbind(0), strict=True)), {}, (), auxiliary
        )

    def _run_head(
        self, collaborative: list[Tensor], enhanced: list[Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Run the head over both paths at once, packed along the batch (section 3.6)."""
        if not enhanced:
            return self.head.classify(self.head.fuse_scales(cast("Scales", collaborative))), {}
        packed = [torch.cat(pair) for pair in zip(collaborative, enhanced, strict=True)]
        logits = self.head.classify(self.head.fuse_scales(cast("Scales", packed)))
        col, ine = logits.chunk(2)
        return col, {"ine": ine}

    def _before(self, path: list[Tensor]) -> Tensor | None:
        """What the last scale of a path adds to the next one's queries, or None."""
        if not self.options.between_scales or not path:
            return None
        downsampled: Tensor = self.between[len(path) - 1](path[-1])
        return downsampled

    def _kept(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The modalities that modality dropout leaves, at least one."""
        if not self.training or self.options.modality_dropout == 0.0:
            return names
        drawn = torch.rand(len(names)).tolist()
        kept = tuple(
            name
            for name, value in zip(names, drawn, strict=True)
            if value >= self.options.modality_dropout
        )
        return kept or (names[int(torch.randint(len(names), ()))],)


def _random_choice(like: Tensor) -> Tensor:
    """One modality at each position, drawn evenly: one-hot over the first axis of M x B x h x w."""
    count, *rest = like.shape
    drawn = torch.randint(count, rest, device=like.device)
    return functional.one_hot(drawn, count).permute(3, 0, 1, 2)
