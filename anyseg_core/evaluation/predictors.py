"""A network's answers for many subsets of one sample's modalities."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import torch

from anyseg_core.models.encoders import Encoder
from anyseg_core.runtime import load_segmenter
from anyseg_core.runtime.load import load_network
from anyseg_core.runtime.torch_segmenter import TorchSegmenter
from anyseg_core.weights import shipped_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor

    from anyseg_core.evaluation.subsets import Subset
    from anyseg_core.models import ModelCard
    from anyseg_core.models.encoders import Scales
    from anyseg_core.runtime import Prediction, Segmenter
    from anyseg_core.types import Float32Array

ENCODE_APART = ("any2seg", "charm", "mean_fusion")
"""Models whose encoder sees each modality by itself, so that its answer serves every subset."""


class Predictor(Protocol):
    """A loaded network that answers for many subsets."""

    @property
    def card(self) -> ModelCard:
        """What the network was trained on."""
        ...

    @property
    def description(self) -> str:
        """The runtime and device, in words."""
        ...

    def predict(
        self, tensors: Mapping[str, Float32Array], subsets: Sequence[Subset]
    ) -> Iterator[Prediction]:
        """Segment one sample from each subset; what a subset lacks is left out, not zeroed.

        Args:
            tensors: normalised float32 [3, H, W] of every modality that any subset names.
            subsets: the subsets, each of them not empty.
        """
        ...


class PlainPredictor:
    """Runs the whole network for each subset.

    Args:
        segmenter: any runtime.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter

    @property
    def card(self) -> ModelCard:
        """What the network was trained on."""
        return self._segmenter.card

    @property
    def description(self) -> str:
        """The runtime and device, in words."""
        return self._segmenter.description

    def predict(
        self, tensors: Mapping[str, Float32Array], subsets: Sequence[Subset]
    ) -> Iterator[Prediction]:
        """Segment one sample from each subset; see ``Predictor``."""
        for subset in subsets:
            yield self._segmenter.segment({name: tensors[name] for name in subset})


class RememberingEncoder(Encoder):
    """An encoder that encodes each modality of a sample once, whatever subsets it is asked for.

    Args:
        encoder: the encoder that does the work.

    Attributes:
        present: the modalities of the next call, in the model's order.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.channels, self.heads = encoder.channels, encoder.heads
        self.min_side = encoder.min_side
        self.present: Subset = ()
        self._remembered: dict[str, Scales] = {}

    def forget(self) -> None:
        """Forget the last sample."""
        self._remembered.clear()

    def forward(self, images: Tensor) -> Scales:
        """Return the four maps of M x 3 x H x W images, one for each modality present."""
        new = [i for i, name in enumerate(self.present) if name not in self._remembered]
        if new:
            maps = self.encoder(images[new])
            for place, index in enumerate(new):
                alone = tuple(scale[place : place + 1] for scale in maps)
                self._remembered[self.present[index]] = cast("Scales", alone)
        known = [self._remembered[name] for name in self.present]
        return cast("Scales", tuple(torch.cat(maps) for maps in zip(*known, strict=True)))


class SharedEncodingPredictor(PlainPredictor):
    """Runs the encoder once per modality of a sample, and only the rest for each subset.

    The fifteen subsets of four modalities hold a modality 32 times; it is encoded 4 times.

    Args:
        segmenter: the network in PyTorch.
        encoder: that network's own encoder.
    """

    def __init__(self, segmenter: Segmenter, encoder: RememberingEncoder) -> None:
        super().__init__(segmenter)
        self._encoder = encoder

    def predict(
        self, tensors: Mapping[str, Float32Array], subsets: Sequence[Subset]
    ) -> Iterator[Prediction]:
        """Segment one sample from each subset; see ``Predictor``."""
        self._encoder.forget()
        known = self.card.spec.modalities
        for subset in subsets:
            self._encoder.present = tuple(name for name in known if name in subset)
            yield self._segmenter.segment({name: tensors[name] for name in subset})


def load_predictor(
    checkpoint: str | Path, backend: str = "auto", device: str = "auto"
) -> PlainPredictor:
    """Load a network for evaluation.

    ``auto`` takes PyTorch, the reference, for a checkpoint, and encodes each modality once per
    sample where the model allows it; for an export it takes what ``load_segmenter`` takes.

    Args:
        checkpoint: path of a checkpoint or export; empty for the package's own weights.
        backend: one of ``anyseg_core.runtime.BACKENDS``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        ConfigurationError, CheckpointError, MissingDependencyError: as ``load_segmenter``.
    """
    path = Path(checkpoint) if str(checkpoint) else shipped_checkpoint()
    if backend not in {"auto", "torch"} or (path is not None and path.is_dir()):
        return PlainPredictor(load_segmenter(checkpoint, backend, device))
    model, card = load_network(path)
    memory = None
    if card.spec.name in ENCODE_APART and len(card.spec.modalities) > 1:
        memory = RememberingEncoder(model.encoder)
        model.encoder = memory
    segmenter = TorchSegmenter(model, card, device=device, trained=bool(card.sha256))
    return (
        PlainPredictor(segmenter) if memory is None else SharedEncodingPredictor(segmenter, memory)
    )
