"""A network that remembers its last answers: the cases of a campaign ask the same thing often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyseg_core.replay.recent import Recent
from anyseg_core.runtime.wrapped_segmenter import WrappedSegmenter

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from anyseg_core.runtime.segmenter import Prediction, Segmenter
    from anyseg_core.types import Float32Array

_KEPT_BYTES = 256 * 2**20
"""At 256 x 256 two thousand answers: those of some moments of a campaign of 400 cases."""


class RememberingSegmenter(WrappedSegmenter):
    """Gives the same answer to the same readings without running the network again.

    Until a fault begins, after it has ended, and while its sensor is left out, the cases of a
    campaign see the same readings.

    Args:
        segmenter: the network.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        super().__init__(segmenter)
        self._answers: Recent[Prediction] = Recent(_KEPT_BYTES)

    def segment(
        self,
        tensors: Mapping[str, Float32Array],
        readings: Mapping[str, Hashable] | None = None,
    ) -> Prediction:
        """Segment one instant; see ``Segmenter``. Tensors without identities are new ones."""
        if readings is None or set(readings) != set(tensors):
            return super().segment(tensors, readings)
        shape = next(iter(tensors.values())).shape
        key = (shape, *((name, readings[name]) for name in sorted(tensors)))
        answer = self._answers.get(key)
        if answer is None:
            answer = super().segment(tensors, readings)
            self._answers.put(key, answer, answer.labels.nbytes + answer.confidence.nbytes)
        return answer
