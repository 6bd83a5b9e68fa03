"""Memory for the features of all modalities, laid out as the fusion takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence


class FeatureBank:
    """One slot per modality in each of the features that the fusion takes.

    The first half writes into its modality's slot, and a run of neighbouring slots is what the
    fusion takes: nothing is copied while all sensors work.

    Args:
        count: number of modalities.
        shapes: of each feature of one modality.
        device: where the memory lies.
    """

    def __init__(
        self, count: int, shapes: Sequence[tuple[int, ...]], device: torch.device | str = "cpu"
    ) -> None:
        self._maps = tuple(torch.zeros(count, *shape, device=device) for shape in shapes)
        self._gathered: tuple[Tensor, ...] = ()

    def slot(self, index: int) -> tuple[Tensor, ...]:
        """Return a modality's features, float32 with a first axis of 1, to be written."""
        return tuple(each[index : index + 1] for each in self._maps)

    def gather(self, indices: tuple[int, ...]) -> tuple[Tensor, ...]:
        """Return the features of M modalities in rising order, M first in each.

        They are to be read at once: the next call may write to the same memory.
        """
        first, end = indices[0], indices[-1] + 1
        if end - first == len(indices):
            return tuple(each[first:end] for each in self._maps)
        if not self._gathered:
            self._gathered = tuple(torch.empty_like(each) for each in self._maps)
        rows = torch.tensor(indices, device=self._maps[0].device)
        return tuple(
            torch.index_select(each, 0, rows, out=gathered[: len(indices)])
            for each, gathered in zip(self._maps, self._gathered, strict=True)
        )
