"""True masks of a recording, from one of its topics or from a folder of pictures."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import cv2
import numpy as np

from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.replay.recent import Recent

if TYPE_CHECKING:
    from pathlib import Path

    from anyseg_core.types import UInt8Array

_KEPT_NS = 5_000_000_000
_KEPT_BYTES = 32 * 2**20


class TopicTruth:
    """True masks that come in with the recording; the last seconds' are kept.

    Args:
        tolerance_ns: farthest that a truth's stamp may lie from a mask's.
    """

    def __init__(self, tolerance_ns: int) -> None:
        self._tolerance_ns = tolerance_ns
        self._masks: OrderedDict[int, UInt8Array] = OrderedDict()

    def add(self, stamp_ns: int, labels: UInt8Array) -> None:
        """Take one true mask."""
        self._masks[stamp_ns] = labels
        while self._masks and next(iter(self._masks)) < stamp_ns - _KEPT_NS:
            self._masks.popitem(last=False)

    def knows(self, stamp_ns: int) -> bool:
        """Return whether the truth of a stamp has come, if it comes at all."""
        return bool(self._masks) and next(reversed(self._masks)) >= stamp_ns

    def at(self, stamp_ns: int) -> UInt8Array | None:
        """Return the true mask nearest to a stamp, within the tolerance."""
        if not self._masks:
            return None
        nearest = min(self._masks, key=lambda one: abs(one - stamp_ns))
        return self._masks[nearest] if abs(nearest - stamp_ns) <= self._tolerance_ns else None


class FolderTruth:
    """True masks as ``<stamp in ns>.png`` in a folder, one byte a pixel: class ids or 255.

    Raises:
        ConfigurationError: no such folder, or no file with such a name in it.
    """

    def __init__(self, folder: Path, tolerance_ns: int) -> None:
        self._tolerance_ns = tolerance_ns
        self._files = {
            int(path.stem): path for path in folder.glob("*.png") if path.stem.isdecimal()
        }
        if not self._files:
            raise ConfigurationError(
                f"--truth {folder}", "a folder with <stamp in ns>.png files", "correct the path"
            )
        self._stamps = np.array(sorted(self._files))
        self._read: Recent[UInt8Array] = Recent(_KEPT_BYTES)

    def add(self, stamp_ns: int, labels: UInt8Array) -> None:
        """Leave the recording's own truth aside: the folder's counts."""

    def knows(self, stamp_ns: int) -> bool:
        """Return True: all files are there from the start."""
        del stamp_ns
        return True

    def at(self, stamp_ns: int) -> UInt8Array | None:
        """Return the true mask nearest to a stamp, within the tolerance.

        Raises:
            RecordError: the file is not one byte a pixel.
        """
        nearest = int(self._stamps[np.abs(self._stamps - stamp_ns).argmin()])
        if abs(nearest - stamp_ns) > self._tolerance_ns:
            return None
        labels = self._read.get(nearest)
        if labels is None:
            labels = _read_mask(self._files[nearest])
            self._read.put(nearest, labels, labels.nbytes)
        return labels


def _read_mask(path: Path) -> UInt8Array:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 2 or image.dtype != np.uint8:
        raise RecordError(str(path), "a PNG of one byte a pixel", "write class ids there")
    return np.asarray(image, np.uint8)


Truth = TopicTruth | FolderTruth
