"""The last step before the network: every channel less its mean, over its deviation."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.errors import RecordError
from anyseg_core.kernels import array_out, constants, constants_in, kernel
from anyseg_core.parallel import run_halves
from anyseg_core.projection.buffers import check_output

if TYPE_CHECKING:
    from anyseg_core.normalisation import Normalisation
    from anyseg_core.types import BoolArray, Float32Array


def normalise(
    channels: Float32Array,
    valid: BoolArray | None,
    normalisation: Normalisation,
    out: Float32Array | None = None,
) -> Float32Array:
    """Return (channels - mean) / std, and 0 where ``valid`` is False.

    Args:
        channels: float32 [3, H, W]; copied first where it is not C-ordered.
        valid: bool [H, W], or None where every pixel counts.
        normalisation: the statistics.
        out: float32 [3, H, W] to write into; may be ``channels`` itself.

    Raises:
        RecordError: the shapes or types of channels and valid do not fit.
        ConfigurationError: ``out`` does not fit.
    """
    if channels.ndim != 3 or channels.shape[0] != 3 or channels.dtype != np.float32:
        raise RecordError(
            f"channels of {channels.dtype} {channels.shape}", "float32 (3, H, W)", "convert them"
        )
    height, width = channels.shape[1:]
    if valid is not None and (valid.shape != (height, width) or valid.dtype != np.bool_):
        raise RecordError(
            f"valid of {valid.dtype} {valid.shape}", f"bool ({height}, {width})", "match channels"
        )
    if out is None:
        out = np.empty((3, height, width), np.float32)
    else:
        check_output(out, None, height, width)
    mean, scale = statistics(normalisation)
    channels = np.ascontiguousarray(channels)
    valid = None if valid is None else np.ascontiguousarray(valid)

    def part(_: int, first: int, end: int) -> None:
        if valid is None:
            _normalise_all(channels, mean, scale, first, end, out)
        else:
            _normalise_valid(channels, valid, mean, scale, first, end, out)

    if out.size < _WORTH_TWO_THREADS:
        part(0, 0, height)
    else:
        run_halves(part, height)
    return out


@lru_cache(maxsize=16)
def statistics(normalisation: Normalisation | None) -> tuple[Float32Array, Float32Array]:
    """Return mean and 1 / std [3], float32; those that change nothing where there are none."""
    mean = np.array((0, 0, 0) if normalisation is None else normalisation.mean, np.float64)
    std = np.array((1, 1, 1) if normalisation is None else normalisation.std, np.float64)
    return constants(mean, np.float32), constants(1.0 / std, np.float32)


_WORTH_TWO_THREADS = 100_000  # numbers in the result; below, waking a thread costs more
_CHANNELS = constants_in("float32", 3)
STATISTICS = (constants_in("float32", 1), constants_in("float32", 1))
"""numba's types of what `statistics` returns."""
_ROWS = ("int64", "int64", array_out("float32", 3))


@kernel((_CHANNELS, *STATISTICS, *_ROWS))
def _normalise_all(
    channels: Float32Array,
    mean: Float32Array,
    scale: Float32Array,
    first_row: int,
    end_row: int,
    out: Float32Array,
) -> None:
    for channel in range(3):
        less, times = mean[channel], scale[channel]
        for r in range(first_row, end_row):
            for c in range(out.shape[2]):
                out[channel, r, c] = (channels[channel, r, c] - less) * times


@kernel((_CHANNELS, constants_in("boolean", 2), *STATISTICS, *_ROWS))
def _normalise_valid(
    channels: Float32Array,
    valid: BoolArray,
    mean: Float32Array,
    scale: Float32Array,
    first_row: int,
    end_row: int,
    out: Float32Array,
) -> None:
    for channel in range(3):
        less, times = mean[channel], scale[channel]
        for r in range(first_row, end_row):
            for c in range(out.shape[2]):
                value = (channels[channel, r, c] - less) * times
                out[channel, r, c] = value if valid[r, c] else np.float32(0.0)
