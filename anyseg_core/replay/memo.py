"""A network that remembers its last answers: the cases of a campaign ask the same thing often."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.replay.wrapped import WrappedSegmenter

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from anyseg_core.runtime.segmenter import Prediction, Segmenter
    from anyseg_core.types import Float32Array

_KEPT = 64


class RememberingSegmenter(WrappedSegmenter):
    """Gives the same answer to the same tensors without running the network again.

    Until a fault begins, and after it has ended, the cases of a campaign see the same readings.

    Args:
        segmenter: the network.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        super().__init__(segmenter)
        self._answers: OrderedDict[bytes, Prediction] = OrderedDict()

    def segment(
        self,
        tensors: Mapping[str, Float32Array],
        readings: Mapping[str, Hashable] | None = None,
    ) -> Prediction:
        """Segment one instant; see ``Segmenter``."""
        digest = hashlib.blake2b(digest_size=16)
        for name in sorted(tensors):
            digest.update(f"{name} {tensors[name].shape}".encode())
            digest.update(np.ascontiguousarray(tensors[name]).data)
        key = digest.digest()
        if key in self._answers:
            self._answers.move_to_end(key)
        else:
            self._answers[key] = super().segment(tensors, readings)
            if len(self._answers) > _KEPT:
                self._answers.popitem(last=False)
        return self._answers[key]
