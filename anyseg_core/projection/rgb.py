"""Colour images, resized and normalised in one pass."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.geometry.kernel import array_out, constants_in, kernel
from anyseg_core.normalisation import Normalisation
from anyseg_core.projection.buffers import check_output
from anyseg_core.types import Float32Array, UInt8Array

Taps = tuple[NDArray[np.int32], Float32Array]


def resize_rgb(
    image: UInt8Array,
    width: int,
    height: int,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    *,
    out: Float32Array | None = None,
) -> Float32Array:
    """Return float32 [3, height, width]: the image resized, over 255, less mean, over std.

    Bilinear between pixel centres, as cv2.INTER_LINEAR and torch's interpolate without antialias:
    the way in which DELIVER's and MCubeS's published figures were trained. Sums are float32 and
    never rounded to bytes in between.

    Args:
        image: uint8 [H, W, 3] in RGB order; copied first where it is not C-ordered.
        width: width of the result in pixels.
        height: height of the result in pixels.
        mean: per channel, of values 0..1.
        std: per channel, of values 0..1.
        out: a C-ordered buffer to write into.

    Raises:
        RecordError: the image has another shape or type.
        ConfigurationError: size or statistics are not positive, or ``out`` does not fit.
    """
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape or image.dtype != np.uint8:
        raise RecordError(
            f"an image of {image.dtype} {image.shape}",
            "uint8 [H, W, 3], not empty",
            "convert the image to rgb8",
        )
    if width < 1 or height < 1:
        raise ConfigurationError(f"image size {width} x {height}", "a positive size", "correct it")
    if out is None:
        out = np.empty((3, height, width), np.float32)
    else:
        check_output(out, None, height, width)
    for axis in (0, 1):
        if image.shape[axis] == 1:  # mixing needs two
            image = np.repeat(image, 2, axis=axis)
    lines = np.ascontiguousarray(image).reshape(image.shape[0], -1)
    rows, row_weights = _taps(image.shape[0], height)
    columns, column_weights = _taps(image.shape[1], width)
    scale, offset = _affine(Normalisation(mean, std))
    _resize(lines, rows, row_weights, columns, column_weights, scale, offset, out)
    return out


@lru_cache(maxsize=16)
def _affine(normalisation: Normalisation) -> tuple[Float32Array, Float32Array]:
    """Return scale and offset [3] so that a byte b becomes b * scale + offset."""
    std = np.array(normalisation.std)
    scale, offset = 1.0 / (255.0 * std), -np.array(normalisation.mean) / std
    return scale.astype(np.float32), offset.astype(np.float32)


@lru_cache(maxsize=16)
def _taps(source: int, target: int) -> Taps:
    """Return per output index the first of two inputs int32 [T] and the second's weight [T]."""
    centres = (np.arange(target) + 0.5) * (source / target) - 0.5
    centres = np.clip(centres, 0.0, source - 1.0)
    first = np.minimum(centres.astype(np.int32), source - 2)
    return first.astype(np.int32), (centres - first).astype(np.float32)


_AXIS = (constants_in("int32", 1), constants_in("float32", 1))
_AFFINE = (constants_in("float32", 1), constants_in("float32", 1))


@kernel((constants_in("uint8", 2), *_AXIS, *_AXIS, *_AFFINE, array_out("float32", 3)))
def _resize(
    lines: UInt8Array,
    rows: NDArray[np.int32],
    row_weights: Float32Array,
    columns: NDArray[np.int32],
    column_weights: Float32Array,
    scale: Float32Array,
    offset: Float32Array,
    out: Float32Array,
) -> None:
    height, width = out.shape[1:]
    mixed = np.empty(lines.shape[1], np.float32)
    one = np.float32(1.0)
    for r in range(height):
        upper, lower = lines[rows[r]], lines[rows[r] + 1]
        down = row_weights[r]
        up = one - down
        # Rows first: contiguous, so the compiler uses vector instructions for most of the work.
        for c in range(len(mixed)):
            mixed[c] = up * np.float32(upper[c]) + down * np.float32(lower[c])
        for c in range(width):
            i = 3 * columns[c]
            right = column_weights[c]
            left = one - right
            out[0, r, c] = (left * mixed[i] + right * mixed[i + 3]) * scale[0] + offset[0]
            out[1, r, c] = (left * mixed[i + 1] + right * mixed[i + 4]) * scale[1] + offset[1]
            out[2, r, c] = (left * mixed[i + 2] + right * mixed[i + 5]) * scale[2] + offset[2]
