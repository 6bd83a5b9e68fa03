"""Picture files to float32 [3, H, W] in physical units, and to labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from anyseg_core.data.files import bad_file, read_bytes
from anyseg_core.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from anyseg_core.types import BoolArray, Float32Array

Triple = tuple[float, float, float]


def read_image(path: Path) -> NDArray[Any]:
    """Read a PNG, JPEG or the like as it is stored.

    A rotation noted in a camera's metadata is not followed: the other sensors know nothing of it.

    Returns:
        uint8, uint16 or float32 [H, W], or [H, W, 3] in RGB order; an alpha channel is left out.

    Raises:
        RecordError: the file is missing or cannot be decoded whole.
    """
    data = np.frombuffer(read_bytes(path), np.uint8)
    try:
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        image = None
    if image is None:
        raise bad_file(path, "no image, or a damaged one", "a PNG, JPEG or the like")
    if image.dtype.kind not in "uf" or image.ndim not in (2, 3):
        raise bad_file(path, f"an image of {image.dtype} {image.shape}", "8 or 16 bit, or float32")
    if image.ndim == 3:
        if image.shape[2] not in (1, 3, 4):
            raise bad_file(path, f"an image of {image.shape[2]} channels", "1, 3 or 4")
        if image.shape[2] == 1:
            return image[..., 0]
        order = cv2.COLOR_BGR2RGB if image.shape[2] == 3 else cv2.COLOR_BGRA2RGB
        return np.asarray(cv2.cvtColor(image, order))
    return np.asarray(image)


@dataclass(frozen=True, slots=True)
class Encoding:
    """What a picture's stored numbers mean: physical = stored * scale + offset.

    Attributes:
        scale: per channel, red first.
        offset: per channel.
        zero_is_invalid: a pixel stored as zero in all channels measured nothing and is 0.0.

    Raises:
        ConfigurationError: a number is not finite, or a scale is zero.
    """

    scale: Triple = (1.0, 1.0, 1.0)
    offset: Triple = (0.0, 0.0, 0.0)
    zero_is_invalid: bool = False

    def __post_init__(self) -> None:
        if not np.isfinite((*self.scale, *self.offset)).all() or 0.0 in self.scale:
            raise ConfigurationError(
                f"an encoding of scale {self.scale} and offset {self.offset}",
                "finite numbers and no scale of 0",
                "correct the encoding",
            )

    def decode(self, image: NDArray[Any]) -> Float32Array:
        """Return float32 [3, H, W] of a picture [H, W] (repeated three times) or [H, W, 3].

        The result is a view, pixel after pixel in memory as the picture is, and read-only where one
        channel stands for three. NaN and Inf in a float picture measured nothing: 0.0.
        """
        if image.ndim == 2 and len(set(self.scale)) == len(set(self.offset)) == 1:
            plane = self._decoded(image[..., None])[..., 0]
            return np.broadcast_to(plane, (3, *plane.shape))
        if image.ndim == 2:
            image = np.repeat(image[..., None], 3, axis=2)
        return self._decoded(image).transpose(2, 0, 1)

    def _decoded(self, image: NDArray[Any]) -> Float32Array:
        """Return float32 of the same shape [H, W, 1 or 3]."""
        values = image.astype(np.float32)
        if len(set(self.scale)) == 1:
            values *= np.float32(self.scale[0])
        else:
            for channel, scale in enumerate(self.scale):
                values[..., channel] *= np.float32(scale)
        for channel, offset in enumerate(self.offset[: image.shape[2]]):
            if offset:
                values[..., channel] += np.float32(offset)
        if image.dtype.kind == "f":
            np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        if self.zero_is_invalid and any(self.offset):
            stored = np.asarray(_any_stored(image), np.float32)
            for channel in range(image.shape[2]):  # quicker than all three at once
                values[..., channel] *= stored
        return values


def _any_stored(image: NDArray[Any]) -> BoolArray:
    stored = image[..., 0] != 0
    for channel in range(1, image.shape[2]):
        stored |= image[..., channel] != 0
    return np.asarray(stored)


BYTES = Encoding((1 / 255, 1 / 255, 1 / 255))
"""Bytes as 0..1, the usual picture."""


@dataclass(frozen=True, slots=True)
class ImageReader:
    """Reads one modality from one picture file."""

    modality: str
    encoding: Encoding = BYTES

    def __call__(self, files: dict[str, Path]) -> Float32Array:
        """Return float32 [3, H, W]; raises RecordError where the file cannot be used."""
        return self.encoding.decode(read_image(files[self.modality]))
