"""Colour images, resized and normalised in one pass."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.kernels import array_out, constants_in, kernel
from anyseg_core.normalisation import Normalisation
from anyseg_core.parallel import Scratch, run_halves
from anyseg_core.projection.buffers import check_output
from anyseg_core.types import Float32Array, UInt8Array

_WORTH_TWO_THREADS = 100_000  # numbers in the result; below, waking a thread costs more

_SCRATCH = Scratch()

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
    _resize_halves(image, Normalisation(mean, std), out)
    return out


def _resize_halves(image: UInt8Array, normalisation: Normalisation, out: Float32Array) -> None:
    height, width = out.shape[1:]
    for axis in (0, 1):
        if image.shape[axis] == 1:  # mixing needs two
            image = np.repeat(image, 2, axis=axis)
    lines = np.ascontiguousarray(image).reshape(image.shape[0], -1)
    rows, columns = _taps(image.shape[0], height), _taps(image.shape[1], width)
    affine = _affine(normalisation)

    def part(half: int, first: int, end: int) -> None:
        mixed = _SCRATCH.array(f"mixed {half}", lines.shape[1], np.float32)
        _resize(lines, *rows, *columns, *affine, first, end, mixed, out)

    if out.size < _WORTH_TWO_THREADS:
        part(0, 0, height)
    else:
        run_halves(part, height)


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


@kernel((
    constants_in("uint8", 2), *_AXIS, *_AXIS, *_AFFINE, "int64", "int64",
    array_out("float32", 1), array_out("float32", 3),
))  # fmt: skip
def _resize(
    lines: UInt8Array,
    rows: NDArray[np.int32],
    row_weights: Float32Array,
    columns: NDArray[np.int32],
    column_weights: Float32Array,
    scale: Float32Array,
    offset: Float32Array,
    first_row: int,
    end_row: int,
    mixed: Float32Array,
    out: Float32Array,
) -> None:
    width = out.shape[2]
    one = np.float32(1.0)
    for r in range(first_row, end_row):
        upper, lower = lines[rows[r]], lines[rows[r] + 1]
        down = row_weights[r]
        up = one - down
        # Rows first: contiguous, so the compiler uses vector instructions for most of the work.
        for c in range(len(mixed)):
            mixed[c] = up * np.float32(upper[c]) + down * np.float32(lower[c])
        for channel in range(3):
            line = out[channel, r]
            a, b = scale[channel], offset[channel]
            for c in range(width):
                # Unsigned: an index that may count from the end costs the vector instructions.
                i = np.uint64(np.uint32(columns[c])) * np.uint64(3) + np.uint64(channel)
                right = column_weights[c]
                value = (one - right) * mixed[i] + right * mixed[i + np.uint64(3)]
                line[c] = value * a + b
