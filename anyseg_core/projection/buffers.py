"""Image buffers that are used again from frame to frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.errors import ConfigurationError
from anyseg_core.kernels import array_out, kernel

if TYPE_CHECKING:
    from anyseg_core.types import BoolArray, Float32Array


def check_output(channels: Float32Array, valid: BoolArray | None, height: int, width: int) -> None:
    """Check that an output buffer is float32 [3, H, W] (and bool [H, W]), writable, C-ordered.

    Raises:
        ConfigurationError: it is not.
    """
    fits = _fits(channels, np.float32, (3, height, width))
    if not fits or (valid is not None and not _fits(valid, np.bool_, (height, width))):
        got = f"out of {channels.dtype} {channels.shape}"
        if valid is not None:
            got += f" with valid of {valid.dtype} {valid.shape}"
        raise ConfigurationError(
            got,
            f"writable C-ordered float32 (3, {height}, {width}), bool ({height}, {width})",
            "pass a buffer of that size, or none",
        )


def _fits(array: np.ndarray, dtype: type, shape: tuple[int, ...]) -> bool:
    return (
        array.dtype == dtype
        and array.shape == shape
        and array.flags.c_contiguous
        and array.flags.writeable
        and array.flags.aligned
    )


@kernel((array_out("float32", 3), array_out("boolean", 2)))
def clear_image(channels: Float32Array, valid: BoolArray) -> None:
    """Erase the valid pixels: far less memory traffic than zeroing a sparse image whole."""
    height, width = valid.shape
    for r in range(height):
        for c in range(width):
            if valid[r, c]:
                valid[r, c] = False
                channels[0, r, c] = 0.0
                channels[1, r, c] = 0.0
                channels[2, r, c] = 0.0
