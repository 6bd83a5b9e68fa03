"""What the runtimes of exported graphs share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.errors import ConfigurationError
from anyseg_core.runtime.inputs import check_tensors
from anyseg_core.runtime.segmenter import Prediction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyseg_core.models import ModelCard
    from anyseg_core.types import Float32Array, UInt8Array


class GraphSegmenter(ABC):
    """An exported graph in some runtime; see ``Segmenter`` for the interface.

    Args:
        card: the network's card; one without a hash has random weights.
    """

    def __init__(self, card: ModelCard) -> None:
        self._card = card

    @property
    def card(self) -> ModelCard:
        """What the network was trained on."""
        return self._card

    @property
    def trained(self) -> bool:
        """Whether the weights come from training."""
        return bool(self._card.sha256)

    @property
    @abstractmethod
    def description(self) -> str:
        """The runtime and device, in words."""

    def segment(self, tensors: Mapping[str, Float32Array]) -> Prediction:
        """Segment one instant.

        Args:
            tensors: normalised float32 [3, H, W] per modality, all of one size.

        Raises:
            RecordError: no modality, an unknown one, or sizes that differ.
        """
        check_tensors(tensors, self._card.spec.modalities)
        names = [name for name in self._card.spec.modalities if name in tensors]
        images = np.stack([tensors[name] for name in names])
        labels, confidence, weights = self._run(images)
        shares = {name: float(weight) for name, weight in zip(names, weights, strict=True)}
        return Prediction(labels, confidence, shares)

    def warm_up(self, width: int, height: int) -> None:
        """Run every number of modalities once at ``width`` x ``height``."""
        for count in range(1, len(self._card.spec.modalities) + 1):
            self._run(np.zeros((count, 3, height, width), np.float32))

    @abstractmethod
    def _run(self, images: Float32Array) -> tuple[UInt8Array, UInt8Array, Float32Array]:
        """Return labels and confidence H x W and weights [M] of M x 3 x H x W images."""


def refuse_device(backend: str, device: str, known: str) -> ConfigurationError:
    """Return the error for a device that a backend does not have here."""
    return ConfigurationError(
        f"device {device!r} with the backend {backend}", known, "choose another device or backend"
    )
