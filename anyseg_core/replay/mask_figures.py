"""Masks counted against others: once for each pair, however many cases gave the same mask."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyseg_core.errors import ConfigurationError
from anyseg_core.metrics import ConfusionMatrix
from anyseg_core.replay.recent import Recent

if TYPE_CHECKING:
    from anyseg_core.types import UInt8Array

_KEPT_TRUTHS = 8
_AGREEMENTS_BYTES = 4 * 2**20
_AGREEMENT_BYTES = 256  # a number, its key and their place


@dataclass(frozen=True, slots=True)
class _Truth:
    """A true mask, and what was counted against it, by the hash of the mask."""

    labels: UInt8Array
    matrices: dict[str, ConfusionMatrix]


class MaskFigures:
    """Counts masks of one network; each comes with the hash of its pixels.

    Args:
        num_classes: of the network.
    """

    def __init__(self, num_classes: int) -> None:
        self._num_classes = num_classes
        self._truths: deque[_Truth] = deque(maxlen=_KEPT_TRUTHS)
        self._agreements: Recent[float] = Recent(_AGREEMENTS_BYTES)

    def confusion(self, true: UInt8Array, labels: UInt8Array, sha256: str) -> ConfusionMatrix:
        """Return a mask's pixels counted against the true one, not to be changed.

        Raises:
            ConfigurationError: the two are of different sizes.
        """
        if true.shape != labels.shape:
            raise ConfigurationError(
                f"true masks of {true.shape[1]} x {true.shape[0]} beside masks of "
                f"{labels.shape[1]} x {labels.shape[0]}",
                "one size: the camera's",
                "give the truth at the camera's size, or leave it out with --topic truth=",
            )
        counted = self._counted(true)
        if sha256 not in counted:
            matrix = counted[sha256] = ConfusionMatrix(self._num_classes)
            matrix.update(true, labels)
        return counted[sha256]

    def agreement(
        self, one: UInt8Array, one_sha256: str, other: UInt8Array, other_sha256: str
    ) -> float:
        """Return the share of pixels with the same label in two masks of one size."""
        key = (one.shape, one_sha256, other_sha256)
        found = self._agreements.get(key)
        if found is None:
            found = 1.0 if one_sha256 == other_sha256 else float((one == other).mean())
            self._agreements.put(key, found, _AGREEMENT_BYTES)
        return found

    def _counted(self, true: UInt8Array) -> dict[str, ConfusionMatrix]:
        """Return the matrices of a true mask, which is known by its object."""
        for truth in self._truths:
            if truth.labels is true:
                return truth.matrices
        self._truths.append(_Truth(true, {}))
        return self._truths[-1].matrices
