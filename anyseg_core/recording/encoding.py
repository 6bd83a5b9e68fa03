"""Channels in physical units as the integers of PNG files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.types import IGNORE_LABEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.types import Float32Array, UInt8Array

_LIDAR_LOWEST_M = -30.0


@dataclass(frozen=True, slots=True)
class Encoding:
    """``physical = stored * scale + offset``.

    Attributes:
        dtype: of the stored integers, uint8 or uint16.
        scale: of each stored channel: three, or one that stands for three alike.
        offset: likewise.
        zero_is_invalid: a pixel whose stored channels are all 0 holds nothing, 0 in all channels.
    """

    dtype: type[np.uint8 | np.uint16]
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    zero_is_invalid: bool = False

    def encode(self, channels: Float32Array) -> NDArray[Any]:
        """Return integers [H, W, 3], or [H, W] of one channel, from channels [3, H, W]."""
        count = len(self.scale)
        planes = channels[:count].astype(np.float64)
        column = (count, 1, 1)
        stored = (planes - np.reshape(self.offset, column)) / np.reshape(self.scale, column)
        stored = np.clip(np.rint(stored), 0, np.iinfo(self.dtype).max)
        if self.zero_is_invalid:
            stored *= channels.any(axis=0)
        image = np.ascontiguousarray(np.moveaxis(stored, 0, -1).astype(self.dtype))
        return image[..., 0] if count == 1 else image

    def as_yaml(self) -> dict[str, Any]:
        """Return the encoding as plain data."""
        single = len(self.scale) == 1
        plain: dict[str, Any] = {
            "scale": self.scale[0] if single else list(self.scale),
            "offset": self.offset[0] if single else list(self.offset),
        }
        return plain | {"zero_is_invalid": True} if self.zero_is_invalid else plain


ENCODINGS: dict[str, Encoding] = {
    "rgb": Encoding(np.uint8, (1 / 255,) * 3, (0.0,) * 3),
    "depth": Encoding(np.uint16, (0.001,), (0.0,), zero_is_invalid=True),
    "event": Encoding(np.uint8, (1.0,) * 3, (0.0,) * 3),
    "lidar": Encoding(
        np.uint16, (0.002, 1 / 256, 0.001), (0.0, 0.0, _LIDAR_LOWEST_M), zero_is_invalid=True
    ),
}
"""rgb 0..1; depth in metres; counts of positive and negative events, and 0; LiDAR range in metres,
intensity 0..255, and height above the LiDAR in metres."""


def encode_labels(labels: UInt8Array) -> UInt8Array:
    """Return uint8 [H, W, 4], as DELIVER stores classes: id + 1 in the red channel, 0 for none."""
    image = np.zeros((*labels.shape, 4), np.uint8)
    image[..., 0] = np.where(labels == IGNORE_LABEL, 0, labels + 1)
    image[..., 3] = 255
    return image
