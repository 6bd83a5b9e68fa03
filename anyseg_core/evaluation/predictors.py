"""A network's answers for many subsets of one sample's modalities."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from anyseg_core.runtime import load_segmenter
from anyseg_core.weights import shipped_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from anyseg_core.evaluation.subsets import Subset
    from anyseg_core.models import ModelCard
    from anyseg_core.runtime import Prediction, Segmenter
    from anyseg_core.types import Float32Array


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


class SegmenterPredictor:
    """Runs a network for each subset; what encodes each modality by itself encodes it once.

    The fifteen subsets of four modalities hold a modality 32 times; it is then encoded 4 times.

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
        readings = dict.fromkeys(tensors, object())  # this sample's own
        for subset in subsets:
            yield self._segmenter.segment({name: tensors[name] for name in subset}, readings)


def load_predictor(
    checkpoint: str | Path, backend: str = "auto", device: str = "auto"
) -> SegmenterPredictor:
    """Load a network for evaluation.

    ``auto`` takes PyTorch, the reference, for a checkpoint; for an export it takes what
    ``load_segmenter`` takes.

    Args:
        checkpoint: path of a checkpoint or export; empty for the package's own weights.
        backend: one of ``anyseg_core.runtime.BACKENDS``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        ConfigurationError, CheckpointError, MissingDependencyError: as ``load_segmenter``.
    """
    path = Path(checkpoint) if str(checkpoint) else shipped_checkpoint()
    if backend == "auto" and not (path is not None and path.is_dir()):
        backend = "torch"
    return SegmenterPredictor(load_segmenter(checkpoint, backend, device))
