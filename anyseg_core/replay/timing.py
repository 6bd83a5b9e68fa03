"""How long the network itself took, so that a replay can say what it adds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyseg_core.models import ModelCard
    from anyseg_core.runtime.segmenter import Prediction, Segmenter
    from anyseg_core.types import Float32Array


class TimedSegmenter:
    """Adds up the time spent in a network.

    Args:
        segmenter: the network.

    Attributes:
        calls: how often it ran.
        seconds: how long all its runs took.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        self.calls = 0
        self.seconds = 0.0

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

    def segment(self, tensors: Mapping[str, Float32Array]) -> Prediction:
        """Segment one instant; see ``Segmenter``."""
        begun = time.perf_counter()
        prediction = self._segmenter.segment(tensors)
        self.seconds += time.perf_counter() - begun
        self.calls += 1
        return prediction

    def warm_up(self, width: int, height: int) -> None:
        """Warm the network up; that time is not counted."""
        self._segmenter.warm_up(width, height)
