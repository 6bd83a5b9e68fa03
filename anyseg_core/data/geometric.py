"""Resize, crop and flip as one sampling of the source image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.types import Float32Array, Float64Array


@dataclass(frozen=True, slots=True)
class View:
    """The part of a resized and perhaps mirrored image that fills a crop's upper left corner.

    Pixel edges scale, as in cv2.resize: the centre u of the resized image shows the source's
    (u + 0.5) * source / resized - 0.5. Resized and cropped in one step, only the pixels that
    remain are computed.

    Attributes:
        source: height and width of the image.
        resized: height and width that the whole image is resized to.
        corner: row and column of the crop's upper left pixel in the resized image.
        shape: height and width of what the image covers of the crop; the rest is padding.
        flip: mirror the crop left to right.
    """

    source: tuple[int, int]
    resized: tuple[int, int]
    corner: tuple[int, int]
    shape: tuple[int, int]
    flip: bool

    def _centres(self, axis: int) -> Float64Array:
        """Return the source coordinate of every row (axis 0) or column (axis 1) of the view."""
        steps = np.arange(self.shape[axis], dtype=np.float64) + (self.corner[axis] + 0.5)
        centres: Float64Array = steps * (self.source[axis] / self.resized[axis]) - 0.5
        return centres[::-1] if self.flip and axis == 1 else centres

    def nearest(self, image: NDArray[Any]) -> NDArray[Any]:
        """Sample [H, W] or [H, W, C] by the nearest source pixel: values are never mixed."""
        rows, columns = self._indices()
        return np.asarray(image.take(rows, axis=0).take(columns, axis=1))

    def linear(self, image: Float32Array) -> Float32Array:
        """Sample float32 [H, W, C] bilinearly; beyond the outermost centres they repeat."""
        columns, rows = np.meshgrid(
            self._centres(1).astype(np.float32), self._centres(0).astype(np.float32)
        )
        sampled = cv2.remap(image, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(sampled, np.float32).reshape(*self.shape, image.shape[2])

    def _indices(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        rows, columns = (
            np.clip(np.floor(self._centres(axis) + 0.5).astype(np.intp), 0, self.source[axis] - 1)
            for axis in (0, 1)
        )
        return rows, columns


def random_view(
    source: tuple[int, int],
    crop: tuple[int, int],
    scale: tuple[float, float],
    flip_probability: float,
    rng: np.random.Generator,
) -> View:
    """Draw a scale, a place of the crop and a side.

    Args:
        source: height and width of the image.
        crop: height and width of the crop.
        scale: smallest and largest factor of the image's size, drawn evenly.
        flip_probability: how often the image is mirrored.
        rng: the source of chance; always drawn from equally often.
    """
    factor = rng.uniform(*scale)
    places = rng.random(2)
    flip = bool(rng.random() < flip_probability)
    resized = (max(1, round(source[0] * factor)), max(1, round(source[1] * factor)))
    shape = (min(crop[0], resized[0]), min(crop[1], resized[1]))
    # a place below 1 times the number of places, so that each is as likely
    corner = (
        int(places[0] * (resized[0] - shape[0] + 1)),
        int(places[1] * (resized[1] - shape[1] + 1)),
    )
    return View(source, resized, corner, shape, flip)
