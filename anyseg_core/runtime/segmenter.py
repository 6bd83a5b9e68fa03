"""What every runtime offers: tensors of any subset of modalities in, labels and confidence out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from anyseg_core.models import ModelCard
    from anyseg_core.runtime.warming import WarmUp
    from anyseg_core.types import Float32Array, UInt8Array


@dataclass(frozen=True, slots=True)
class Prediction:
    """The network's answer for one instant.

    Attributes:
        labels: uint8 [H, W], class ids.
        confidence: uint8 [H, W], the winning class's softmax probability times 255.
        weights: how much the fusion trusted each modality that was given.
    """

    labels: UInt8Array
    confidence: UInt8Array
    weights: Mapping[str, float]


class Segmenter(Protocol):
    """A loaded network behind one of the runtimes."""

    @property
    def card(self) -> ModelCard:
        """What the network was trained on, its classes and how its inputs are normalised."""
        ...

    @property
    def trained(self) -> bool:
        """False for a network with random weights, which only shows that the line runs."""
        ...

    @property
    def description(self) -> str:
        """The runtime and device in use, in words."""
        ...

    def segment(
        self,
        tensors: Mapping[str, Float32Array],
        readings: Mapping[str, Hashable] | None = None,
    ) -> Prediction:
        """Segment one instant.

        Args:
            tensors: normalised float32 [3, H, W], one per modality, all of one size.
            readings: the identity of each modality's reading. Equal identities promise equal
                tensors: what the encoder made of the last one of that size is kept and used
                again, and the answer is the same to the last bit. A modality without an identity
                is encoded anew.

        Raises:
            RecordError: no modality, an unknown one, or sizes that differ.
        """
        ...

    def warm_up(self, width: int, height: int) -> WarmUp:
        """Pay every first-call cost, for whatever subset comes, before data flows."""
        ...
