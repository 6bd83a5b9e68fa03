"""Readings that repeat: the same content again and again."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.health.detectors import finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.health.verdict import Finding

SAMPLED_ROWS = 48
"""Pixels of the shorter side that a sample keeps at least: 12 kB of a 1280 x 720 picture."""


def sample_image(image: NDArray[Any]) -> NDArray[Any]:
    """Return a contiguous strided sample of an image [H, W] or [H, W, C]."""
    step = max(1, min(image.shape[:2]) // SAMPLED_ROWS)
    return np.ascontiguousarray(image[::step, ::step])


class RepeatCounter:
    """Counts how often a sample came again unchanged; uniform samples do not count.

    A camera's noise makes no two pictures alike. A uniform picture (black, no return at all) has
    a detector of its own.
    """

    __slots__ = ("_checksum", "_repeats", "moving")

    def __init__(self) -> None:
        self._checksum: int | None = None
        self._repeats = 0
        self.moving = False
        """Whether the last two samples had content, and not the same."""

    def count(self, sample: NDArray[Any]) -> int:
        """Return how often this very sample came before, in a row."""
        is_uniform = _is_uniform(sample)
        checksum = None if is_uniform else zlib.crc32(sample.data)
        same = checksum is not None and checksum == self._checksum
        self.moving = None not in (checksum, self._checksum) and not same
        self._repeats = self._repeats + 1 if same else 0
        self._checksum = checksum
        return self._repeats


def _is_uniform(sample: NDArray[Any]) -> bool:
    if sample.size == 0:
        return True
    first = sample.flat[0]
    # the last value tells as a rule, and spares the look at all of them
    return bool(sample.flat[-1] == first) and bool((sample == first).all())


def check_frozen(detector: str, repeats: int, max_repeats: int) -> Finding | None:
    """Find a stream that gives the same content again and again.

    Args:
        detector: ``rgb_frozen``, ``depth_frozen``, ``event_frozen`` or ``lidar_frozen``.
        repeats: how often the present reading came before, in a row.
        max_repeats: as many are a fault.
    """
    if repeats < max_repeats:
        return None
    return finding(
        detector,
        repeats,
        max_repeats,
        unit="readings",
        message=f"the same content {repeats + 1} times in a row",
        remedy="restart the driver; check its buffer and the cable",
    )
