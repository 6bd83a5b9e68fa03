"""A network that remembers its last answers: the cases of a campaign ask the same thing often."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyseg_core.models import ModelCard
    from anyseg_core.runtime.segmenter import Prediction, Segmenter
    from anyseg_core.types import Float32Array

_KEPT = 64


class RememberingSegmenter:
    """Gives the same answer to the same tensors without running the network again.

    Until a fault begins, and after it has ended, the cases of a campaign see the same readings.

    Args:
        segmenter: the network.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        self._answers: OrderedDict[bytes, Prediction] = OrderedDict()

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
        digest = hashlib.blake2b(digest_size=16)
        for name in sorted(tensors):
            digest.update(f"{name} {tensors[name].shape}".encode())
            digest.update(np.ascontiguousarray(tensors[name]).data)
        key = digest.digest()
        if key in self._answers:
            self._answers.move_to_end(key)
        else:
            self._answers[key] = self._segmenter.segment(tensors)
            if len(self._answers) > _KEPT:
                self._answers.popitem(last=False)
        return self._answers[key]

    def warm_up(self, width: int, height: int) -> None:
        """Warm the network up."""
        self._segmenter.warm_up(width, height)
