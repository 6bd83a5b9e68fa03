"""What all segmentation models share: the encoder, the head, and the way in and out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from anyseg_core.errors import ConfigurationError
from anyseg_core.models.encoders import build_encoder
from anyseg_core.models.head import SegFormerHead
from anyseg_core.models.inputs import stack_modalities
from anyseg_core.models.losses import cross_entropy
from anyseg_core.models.upsample import upsample

if TYPE_CHECKING:
    from anyseg_core.models.output import SegmentationOutput

# What the encoder takes at once in evaluation on a CPU. Beyond it, its largest maps pass 32 MiB,
# which glibc takes from the system and gives back each time: up to a quarter of all time spent.
_PIXELS_AT_ONCE = 512 * 512

OptionValue = bool | int | float | str
Criterion = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Everything that ``build_model`` was asked for: enough to build the same model again.

    Attributes:
        name: the model's name, as ``build_model`` knows it.
        encoder: the encoder's name.
        num_classes: K.
        modalities: the modalities that the model may be given, in its order.
        options: the options that differ from the defaults.
    """

    name: str
    encoder: str
    num_classes: int
    modalities: tuple[str, ...]
    options: Mapping[str, OptionValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """Options of every model.

    Attributes:
        head_width: channels of the head's fused map.
        drop_path: stochastic depth of the encoder's last block in training.
        dropout: channels dropped before the classifier in training.
    """

    head_width: int = 256
    drop_path: float = 0.1
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for name in ("drop_path", "dropout"):
            value = getattr(self, name)
            if not 0.0 <= value < 1.0:
                raise ConfigurationError(f"{name}={value}", "0 <= value < 1", f"correct {name}")
        if self.head_width < 1:
            raise ConfigurationError(f"head_width={self.head_width}", "at least 1", "raise it")


class SegmentationModel(nn.Module, ABC):
    """A segmentation model for any non-empty subset of its modalities.

    The encoder's weights are shared: the modalities present are stacked along the batch. A missing
    modality is left out, never replaced by zeros. The order in which modalities are passed does
    not matter.

    Attributes:
        spec: what the model was built from.
        loss_weights: the weight of each term of ``losses``.
    """

    def __init__(self, spec: ModelSpec, options: ModelOptions) -> None:
        super().__init__()
        self.spec = spec
        self.encoder = build_encoder(spec.encoder, options.drop_path)
        self.head = SegFormerHead(
            self.encoder.channels, spec.num_classes, options.head_width, options.dropout
        )
        self.loss_weights: dict[str, float] = {"sup": 1.0}

    def forward(
        self, inputs: Mapping[str, Tensor], state: tuple[Tensor, ...] = ()
    ) -> SegmentationOutput:
        """Segment; logits at the inputs' size.

        Args:
            inputs: for each modality present, normalised floats B x 3 x H x W.
            state: the last frame's ``SegmentationOutput.state``, for models with memory.

        Raises:
            ConfigurationError: no modality, an unknown one, or a state that does not fit.
            RecordError: a tensor has the wrong type or shape, or shapes differ.
        """
        output = self.segment_low(inputs, state)
        image = next(iter(inputs.values()))
        return output._replace(logits=upsample(output.logits, (image.shape[2], image.shape[3])))

    def segment_low(
        self, inputs: Mapping[str, Tensor], state: tuple[Tensor, ...] = ()
    ) -> SegmentationOutput:
        """Segment as ``forward`` does, but leave the logits at ceil(H / 4) x ceil(W / 4).

        The cheap way in for inference: whoever wants labels can upsample scores, or labels, alone.
        """
        names, images = stack_modalities(inputs, self.spec.modalities, self.encoder.min_side)
        return self._segment(names, images, state)

    def losses(
        self, output: SegmentationOutput, labels: Tensor, criterion: Criterion = cross_entropy
    ) -> dict[str, Tensor]:
        """Return the weighted supervised terms, one scalar each; their sum is to be minimised.

        Args:
            output: of ``forward`` in training mode.
            labels: integers B x H x W, 255 for a pixel without a class.
            criterion: of logits n x K x H x W and labels n x H x W.
        """
        terms = {"sup": self.loss_weights["sup"] * criterion(output.logits, labels)}
        size = (labels.shape[1], labels.shape[2])
        for name, logits in output.auxiliary.items():
            repeated = labels.repeat(logits.shape[0] // labels.shape[0], 1, 1)
            terms[name] = self.loss_weights[name] * criterion(upsample(logits, size), repeated)
        return terms

    def _in_parts(
        self, function: Callable[[Tensor], tuple[Tensor, ...]], images: Tensor
    ) -> tuple[Tensor, ...]:
        """Apply what treats each image alone to N images; large ones one after the other.

        Only in evaluation on a CPU, where that is faster; exports and compilers see one batch.
        """
        count = images_at_once(images)
        whole = self.training or torch.is_grad_enabled() or images.device.type != "cpu"
        traced = torch.compiler.is_compiling() or torch.onnx.is_in_onnx_export()
        if whole or traced or count >= images.shape[0]:
            return function(images)
        parts = [function(part) for part in torch.split(images, count)]
        return tuple(torch.cat(maps) for maps in zip(*parts, strict=True))

    @abstractmethod
    def _segment(
        self, names: tuple[str, ...], images: Tensor, state: tuple[Tensor, ...]
    ) -> SegmentationOutput:
        """Segment M B images, modality-major; logits at stride 4."""


def images_at_once(images: Tensor) -> int:
    """Return how many images of the size of these are best encoded together on a CPU."""
    return max(_PIXELS_AT_ONCE // (images.shape[2] * images.shape[3]), 1)


def refuse_state(state: tuple[Tensor, ...]) -> None:
    """Refuse a carried state on behalf of a model without memory.

    Raises:
        ConfigurationError: there is a state.
    """
    if state:
        raise ConfigurationError(
            f"a carried state of {len(state)} maps", "none", "use Any2Seg to carry a state"
        )


def split_modalities(stacked: Tensor, count: int) -> tuple[Tensor, ...]:
    """Cut M B x C x h x w into M maps B x C x h x w, M = ``count``."""
    # Not a view as M x B x ...: for B = 1 that one's strides hide that channels are last in memory.
    return torch.chunk(stacked, count)


def mean_modality(stacked: Tensor, count: int) -> Tensor:
    """Return the mean, B x C x h x w, of the M = ``count`` maps in M B x C x h x w."""
    return reduce(torch.add, split_modalities(stacked, count)) / count
