"""How long the network itself took, so that what stands around it can say what it adds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from anyseg_core.runtime.wrapped_segmenter import WrappedSegmenter

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from anyseg_core.runtime.segmenter import Prediction, Segmenter
    from anyseg_core.types import Float32Array


class TimedSegmenter(WrappedSegmenter):
    """Adds up the time spent in a network.

    Args:
        segmenter: the network.

    Attributes:
        calls: how often it ran.
        seconds: how long all its runs took.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        super().__init__(segmenter)
        self.calls = 0
        self.seconds = 0.0

    def segment(
        self,
        tensors: Mapping[str, Float32Array],
        readings: Mapping[str, Hashable] | None = None,
    ) -> Prediction:
        """Segment one instant; see ``Segmenter``."""
        begun = time.perf_counter()
        prediction = super().segment(tensors, readings)
        self.seconds += time.perf_counter() - begun
        self.calls += 1
        return prediction
