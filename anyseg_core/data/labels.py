"""Label pictures to class ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from anyseg_core.data.files import bad_file
from anyseg_core.data.images import read_image
from anyseg_core.types import IGNORE_LABEL, UInt8Array

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

LABELS = "labels"
OUTSIDE = 254
"""Marks a stored value that is no class while labels are decoded; never in a sample."""

LARGEST_CLASS_COUNT = 254
"""Ids 254 and 255 are taken: by values that mean nothing, and by ignored pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelReader:
    """Reads label pictures: ids of one byte, or colours.

    Attributes:
        lookup: uint8 [256], the class of each stored id; 255 ignored, 254 for what may not occur.
        colours: RGB triple to class for label pictures in colours; None for ids.
        first_column: columns left of it are dropped.
    """

    lookup: UInt8Array
    colours: Mapping[tuple[int, int, int], int] | None = None
    first_column: int = 0

    def __call__(self, files: dict[str, Path]) -> UInt8Array:
        """Return uint8 [H, W]; of a picture of several channels the red one counts.

        Raises:
            RecordError: the file cannot be read, or holds a value that is no class.
        """
        labels, stored = self.decode(files)
        wrong = labels == OUTSIDE
        if wrong.any():
            first = stored[wrong][0]
            raise bad_file(
                files[LABELS],
                f"label {_shown(first)} on {np.count_nonzero(wrong)} pixels",
                "the classes of this set",
            )
        return labels

    def decode(self, files: dict[str, Path]) -> tuple[UInt8Array, NDArray[Any]]:
        """Return class ids with 254 where a value is no class, and the picture as stored."""
        path = files[LABELS]
        image = read_image(path)[:, self.first_column :]
        if image.dtype != np.uint8:
            raise bad_file(path, f"labels of {image.dtype}", "8 bit")
        if self.colours is None:
            stored = np.ascontiguousarray(image if image.ndim == 2 else image[..., 0])
            return np.asarray(cv2.LUT(stored, self.lookup), np.uint8), stored
        if image.ndim != 3:
            raise bad_file(path, "labels of one channel", "three channels: colours")
        return self._from_colours(image, self.colours), image

    @staticmethod
    def _from_colours(image: UInt8Array, colours: Mapping[tuple[int, int, int], int]) -> UInt8Array:
        packed = _packed(image[..., 0], image[..., 1], image[..., 2])
        known = sorted((r << 16 | g << 8 | b, label) for (r, g, b), label in colours.items())
        keys, values = np.array(known, np.int32).T
        place = np.minimum(np.searchsorted(keys, packed), len(keys) - 1)
        return np.where(keys[place] == packed, values[place], OUTSIDE).astype(np.uint8)


def id_lookup(class_of: Mapping[int, int], ignored: tuple[int, ...] = ()) -> UInt8Array:
    """Return uint8 [256] for ``LabelReader``: stored id to class, what is not named is wrong."""
    lookup = np.full(256, OUTSIDE, np.uint8)
    lookup[list(class_of)] = list(class_of.values())
    lookup[[IGNORE_LABEL, *ignored]] = IGNORE_LABEL
    return lookup


def _packed(red: NDArray[Any], green: NDArray[Any], blue: NDArray[Any]) -> NDArray[np.int32]:
    wide = [np.asarray(channel, np.int32) for channel in (red, green, blue)]
    return wide[0] << 16 | wide[1] << 8 | wide[2]


def _shown(stored: Any) -> str:  # noqa: ANN401 - a number, or a colour of three
    return str(stored.tolist())
