"""CHARM: mutual perception with collaborative learning and individual enhancement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

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
from anyseg_core.models.charm_inference import collaborate, read_tokens
from anyseg_core.models.head_inference import head_maps
from anyseg_core.models.mutual_perception import MutualPerceptionBlock
from anyseg_core.models.output import SegmentationOutput
from anyseg_core.models.semantic_projection import (
    RobustnessEvaluator,
    SemanticProjector,
    fragility,
    robustness,
    weighted_sum,
)
from anyseg_core.models.separable import SeparableModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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

    def read(self, name: str, feature: Tensor) -> tuple[Tensor, ...]:
        """Return all that follows from one modality's map B x C x h x w alone.

        Its semantic map B x h x w x C, its raw robustness B x h x w x 1, and the keys, then the
        values, of each MPU block in turn (see ``CrossModalAttention.context``).
        """
        semantic = self.projectors[name](feature)
        rows = semantic.permute(0, 2, 3, 1)
        raw = self.evaluator(semantic).permute(0, 2, 3, 1)
        blocks = cast("Iterable[MutualPerceptionBlock]", self.blocks)
        return rows, raw, *(each for block in blocks for each in block.context(name, rows))

    def collaborate(self, read: Sequence[Tensor], before: Tensor | None) -> tuple[Tensor, Tensor]:
        """The collaborative map f_CoL, B x C x h x w, and the scores r (section 3.4).

        In training, keys and values come from the re-assembled context: at each position from a
        random modality. In evaluation every modality's tokens are context. Without MPU, f_CoL is
        the robustness-weighted sum itself.

        Args:
            read: what ``read`` returned, each tensor stacked over the M modalities present.
            before: B x C x h x w, what the finer scale adds to the queries.

        Returns:
            The map, and the scores M x B x h x w x 1.
        """
        semantics, raw, *contexts = read
        scores = robustness(raw)
        choice = _random_choice(scores[..., 0]) if self.training else None
        query = weighted_sum(scores, semantics)
        return self._perceive(query, before, contexts, choice), scores

    def enhance(self, read: Sequence[Tensor], scores: Tensor, before: Tensor | None) -> Tensor:
        """The enhanced map f_InE, B x C x h x w (section 3.5).

        Two modalities are drawn, fragile ones more often: one gives the queries, the other the
        keys and values. The draws are independent, so both may be the same. Without MPU, f_InE is
        the mean of the two (reading).
        """
        semantics, _, *contexts = read
        first, second = torch.multinomial(fragility(scores), 2, replacement=True).tolist()
        query = semantics[first]
        if not self.blocks:
            query = (query + semantics[second]) / 2
        return self._perceive(query, before, [each[second : second + 1] for each in contexts], None)

    def _perceive(
        self,
        query: Tensor,
        before: Tensor | None,
        contexts: Sequence[Tensor],
        choice: Tensor | None,
    ) -> Tensor:
        semantic = query if before is None else query + before.permute(0, 2, 3, 1)
        pairs = zip(contexts[::2], contexts[1::2], strict=True)
        for block, pair in zip(self.blocks, pairs, strict=True):
            semantic = block(semantic, pair, choice)
        return semantic.permute(0, 3, 1, 2)


class Charm(SeparableModel):
    """Collaborative harmonisation across arbitrary modalities.

    Source: Wen et al., "CHARM: Collaborative Harmonization across Arbitrary Modalities for
    Modality-agnostic Semantic Segmentation", section 3.

    ``weights`` are the robustness scores, averaged over pixels and scales: 0..1, with sum 1 over
    the modalities present. While training, ``auxiliary["ine"]`` holds the enhanced prediction.

    A modality's branch holds its projectors and the keys and values of all MPU blocks, so the
    fusion treats all modalities alike. The number of windows follows the input's size, so an export
    holds for one size.
    """

    has_branches: ClassVar[bool] = True
    has_windows: ClassVar[bool] = True

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

    def encode(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the encoder's scales, N x h x w x C: as they lie in memory."""
        return tuple(scale.permute(0, 2, 3, 1) for scale in super().encode(images))

    def branch(self, name: str, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return what ``read_tokens`` gives of one modality, scale by scale in a row."""
        parts = zip(cast("Iterable[CharmScale]", self.scales), maps, strict=True)
        return tuple(
            each
            for part, scale in parts
            for each in read_tokens(part, name, scale.permute(0, 3, 1, 2))
        )

    def fuse_maps(self, features: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Collaborate at each scale; see ``SeparableModel.fuse_maps``."""
        each = len(features) // len(self.scales)
        fused: list[Tensor] = []
        shares = []
        for i, part in enumerate(cast("Iterable[CharmScale]", self.scales)):
            read = features[each * i : each * (i + 1)]
            rows, share = collaborate(part, read, self._before(fused))
            fused.append(rows)
            shares.append(share)
        return *head_maps(self.head, cast("Scales", tuple(fused))), torch.stack(shares).mean(0)

    def _segment(
        self, names: tuple[str, ...], images: Tensor, state: tuple[Tensor, ...]
    ) -> SegmentationOutput:
        refuse_state(state)
        maps = super().encode(images)
        kept = self._kept(names)
        reads = []
        for part, scale in zip(cast("Iterable[CharmScale]", self.scales), maps, strict=True):
            present = dict(zip(names, split_modalities(scale, len(names)), strict=True))
            single = [part.read(name, present[name]) for name in kept]
            reads.append(tuple(torch.stack(each) for each in zip(*single, strict=True)))
        enhancing = self.training and _VARIANTS[self.options.variant][1]
        collaborative, enhanced, weights = self._fuse_scales(reads, enhancing=enhancing)
        logits, auxiliary = self._run_head(collaborative, enhanced)
        return SegmentationOutput(
            logits, dict(zip(kept, weights.unbind(0), strict=True)), {}, (), auxiliary
        )

    def _fuse_scales(
        self, reads: Sequence[tuple[Tensor, ...]], *, enhancing: bool
    ) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Return f_CoL and, in training, f_InE at each scale, and the mean scores M x B."""
        collaborative: list[Tensor] = []
        enhanced: list[Tensor] = []
        shares = []
        for part, read in zip(cast("Iterable[CharmScale]", self.scales), reads, strict=True):
            fused, scores = part.collaborate(read, self._before(collaborative))
            shares.append(scores.float().mean(dim=(2, 3, 4)))
            collaborative.append(fused)
            if enhancing:
                enhanced.append(part.enhance(read, scores, self._before(enhanced)))
        return collaborative, enhanced, torch.stack(shares).mean(0)

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
