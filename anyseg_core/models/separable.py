"""Models in two halves: what is computed of each modality by itself, and their fusion.

The runtimes keep the first half's result of a reading that has not changed, and hand each half on
as graphs of its own. The fusion treats all modalities alike: what counts is how many there are.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

import torch

from anyseg_core.models.base import SegmentationModel, split_modalities
from anyseg_core.models.head_inference import logits_of_maps

if TYPE_CHECKING:
    from torch import Tensor


class SeparableModel(SegmentationModel):
    """A model whose modalities do not see each other before the fusion.

    ``encode``, ``branch`` and ``fuse`` are for inference; they give what ``segment_low`` gives.

    Attributes:
        has_branches: whether each modality has parts of its own behind the shared encoder.
        has_windows: whether the work follows the images' size, so that an export is for one size.
    """

    has_branches: ClassVar[bool] = False
    has_windows: ClassVar[bool] = False

    def encode(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of images N x 3 x H x W of any modalities; N comes first in each."""
        return self._in_parts(self.encoder, images)

    def branch(self, name: str, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the features of one modality, given the maps of its images; N comes first.

        Without branches they are the maps themselves.
        """
        del name
        return maps

    @property
    def meets_in_head(self) -> bool:
        """Whether the features are each modality's own maps of ``head_maps``, fused behind them."""
        return False

    @abstractmethod
    def fuse_maps(self, features: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Fuse M modalities of one sample, as far as the head's four maps.

        Not for a model that ``meets_in_head``.

        Args:
            features: of ``branch``, in the model's order; M comes first in each.

        Returns:
            The maps of ``head_maps``, 1 x h x w x width each, then each modality's weight,
            float32 [M].
        """

    def fuse(self, features: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Fuse M modalities of one sample; M stays free in a traced graph.

        Args:
            features: as of ``fuse_maps``.

        Returns:
            Logits 1 x K x h x w at stride 4, and each modality's weight, float32 [M].
        """
        *maps, weights = self.fuse_maps(features)
        return logits_of_maps(self.head, tuple(maps)), weights

    def features(self, names: tuple[str, ...], images: Tensor) -> tuple[Tensor, ...]:
        """Return what ``fuse`` takes of one image of each modality, M x 3 x H x W, all at once."""
        maps = self.encode(images)
        if not self.has_branches:
            return maps
        single = zip(*(split_modalities(each, len(names)) for each in maps), strict=True)
        branches = [self.branch(name, each) for name, each in zip(names, single, strict=True)]
        return tuple(torch.cat(each) for each in zip(*branches, strict=True))
