"""The last step before the network: every channel less its mean, over its deviation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.errors import RecordError
from anyseg_core.kernels import array_in, array_out, kernel
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
        channels: float32 [3, H, W], any strides.
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
    for channel in range(3):
        scale = 1.0 / normalisation.std[channel]
        mean = normalisation.mean[channel]
        if valid is None:
            np.subtract(channels[channel], np.float32(mean), out=out[channel])
            np.multiply(out[channel], np.float32(scale), out=out[channel])
        else:
            _normalise_plane(channels[channel], valid, mean, scale, out[channel])
    return out


_PLANE = (array_in("float32", 2), array_in("boolean", 2))


@kernel((*_PLANE, "float32", "float32", array_out("float32", 2)))
def _normalise_plane(
    plane: Float32Array, valid: BoolArray, mean: float, scale: float, out: Float32Array
) -> None:
    for r in range(plane.shape[0]):
        for c in range(plane.shape[1]):
            out[r, c] = (plane[r, c] - mean) * scale if valid[r, c] else np.float32(0.0)
