"""Models in two halves: an encoding of each modality by itself, and the fusion of those present.

The runtimes keep the first half's maps of a reading that has not changed, and hand each half on as
a graph of its own.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from anyseg_core.models.base import SegmentationModel

if TYPE_CHECKING:
    from torch import Tensor

    from anyseg_core.models.output import SegmentationOutput


class SeparableModel(SegmentationModel):
    """A model whose modalities do not see each other before the fusion."""

    def encode(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return what the fusion takes of images N x 3 x H x W: maps N x C x h x w each."""
        return self._in_parts(self.encoder, images)

    @abstractmethod
    def fuse(
        self, names: tuple[str, ...], features: tuple[Tensor, ...], state: tuple[Tensor, ...] = ()
    ) -> SegmentationOutput:
        """Fuse M modalities of B samples; logits at stride 4.

        Args:
            names: the M modalities present, in the model's order.
            features: of ``encode``, M B x C x h x w each, modality-major.
            state: see ``SegmentationModel.forward``.
        """

    def _segment(
        self, names: tuple[str, ...], images: Tensor, state: tuple[Tensor, ...]
    ) -> SegmentationOutput:
        return self.fuse(names, self.encode(images), state)


class AlikeModel(SeparableModel):
    """A separable model that treats all modalities alike: what counts is how many there are."""

    @abstractmethod
    def fuse_any(self, features: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Fuse the modalities of one sample as ``fuse`` does; M stays free in a traced graph.

        Args:
            features: of ``encode``, M x C x h x w each.

        Returns:
            Logits 1 x K x h x w at stride 4, and each modality's weight, [M].
        """
