"""The fastest runtime that is installed and gives the reference's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.errors import AnysegError
from anyseg_core.runtime.parity import SUFFICIENT, label_agreement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anyseg_core.models import ModelCard
    from anyseg_core.runtime.segmenter import Prediction, Segmenter
    from anyseg_core.types import Float32Array


class AutoSegmenter:
    """PyTorch until ``warm_up``, which then takes a faster runtime if that one agrees with it.

    Args:
        reference: the network in PyTorch.
        load_faster: loads the network in the runtime to try.
    """

    def __init__(self, reference: Segmenter, load_faster: Callable[[], Segmenter]) -> None:
        self._reference = reference
        self._load_faster = load_faster
        self._chosen = reference
        self._reason = "not yet warmed up"

    @property
    def card(self) -> ModelCard:
        """What the network was trained on."""
        return self._reference.card

    @property
    def trained(self) -> bool:
        """Whether the weights come from training."""
        return self._reference.trained

    @property
    def description(self) -> str:
        """The runtime in use, and why it was chosen."""
        return f"{self._chosen.description} (auto: {self._reason})"

    def segment(self, tensors: Mapping[str, Float32Array]) -> Prediction:
        """Segment one instant; see ``Segmenter``."""
        return self._chosen.segment(tensors)

    def warm_up(self, width: int, height: int) -> None:
        """Choose the runtime for ``width`` x ``height`` and warm it up."""
        try:
            faster = self._load_faster()
            faster.warm_up(width, height)
            agreement = self._least_agreement(faster, width, height)
        except (AnysegError, RuntimeError) as error:
            self._reason = f"the faster runtime cannot be used: {error}"
        else:
            self._reason = (
                f"labels equal to PyTorch's on at least {100 * agreement:.2f} % of pixels for "
                "every number of modalities"
            )
            if agreement >= SUFFICIENT:
                self._chosen = faster
                return
            self._reason = (
                f"{faster.description} agrees on {100 * agreement:.2f} % of pixels only, "
                f"{100 * SUFFICIENT:g} % are wanted"
            )
        self._chosen = self._reference
        self._reference.warm_up(width, height)

    def _least_agreement(self, faster: Segmenter, width: int, height: int) -> float:
        names = self.card.spec.modalities
        images = np.random.default_rng(0).standard_normal((len(names), 3, height, width))
        tensors = dict(zip(names, images.astype(np.float32), strict=True))
        return min(
            label_agreement(
                self._reference, faster, {name: tensors[name] for name in names[:count]}
            )
            for count in range(1, len(names) + 1)
        )
