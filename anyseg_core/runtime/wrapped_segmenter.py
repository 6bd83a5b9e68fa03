"""A network behind another one's face: what stands around a ``Segmenter`` and is one itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from anyseg_core.models import ModelCard
    from anyseg_core.runtime.segmenter import Prediction, Segmenter
    from anyseg_core.runtime.warming import WarmUp
    from anyseg_core.types import Float32Array


class WrappedSegmenter:
    """Passes everything on; see ``Segmenter``.

    Args:
        segmenter: the network.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter

    @property
    def card(self) -> ModelCard:
        """What the network was trained on."""
        return self._segmenter.card

    @property
    def trained(self) -> bool:
        """Whether the weights come from training."""
        return self._segmenter.trained

    @property
    def description(self) -> str:
        """The runtime and device in use, in words."""
        return self._segmenter.description

    def segment(
        self,
        tensors: Mapping[str, Float32Array],
        readings: Mapping[str, Hashable] | None = None,
    ) -> Prediction:
        """Segment one instant."""
        return self._segmenter.segment(tensors, readings)

    def warm_up(self, width: int, height: int) -> WarmUp:
        """Warm the network up."""
        return self._segmenter.warm_up(width, height)
