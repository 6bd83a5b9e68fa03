"""Dot products in one thread and one fixed order of roundings, whatever the processor.

A linear algebra library splits what is long between threads, which then wait for more work on the
cores that other views need, and adds up in an order of its own on each kind of processor. The order
here is that of OpenBLAS 0.3 with AVX-512: its fused steps are computed in double precision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.kernels import array_out, constants_in, device, kernel

if TYPE_CHECKING:
    from anyseg_core.types import Float32Array, Float64Array

_F = np.float32
_LONG = 16384
"""More vectors than this are all treated alike; of fewer, up to 7 at the end are special."""

_VECTORS = constants_in("float32", 2)


@device
def _fused(a: np.float32, b: np.float32, c: np.float32) -> np.float32:
    """Return ``a * b + c``, rounded once."""
    return _F(np.float64(a) * np.float64(b) + np.float64(c))


@kernel((_VECTORS, constants_in("float32", 1), array_out("float32", 1)))
def _dots(vectors: Float32Array, along: Float32Array, out: Float32Array) -> None:
    count = len(vectors)
    in_turn = 0 if count > _LONG else count - count % 8
    rest = 0 if count > _LONG else count % 4
    a, b, c = along
    for n in range(count):
        x, y, z = vectors[n]
        if n < in_turn:
            out[n] = _fused(z, c, _fused(y, b, x * a))
        elif rest > 1 and 0 <= n - (count - rest) < 2:
            out[n] = x * a + y * b + z * c
        else:
            out[n] = _fused(z, c, _fused(x, a, y * b))


def dots(vectors: Float32Array, along: Float32Array) -> Float32Array:
    """Return the dot products float32 [N] of ``vectors`` [N, 3] with ``along`` [3]."""
    out = np.empty(len(vectors), np.float32)
    _dots(vectors, along, out)
    return out


@kernel((_VECTORS, _VECTORS, array_out("float32", 2)))
def _turned(vectors: Float32Array, rotation: Float32Array, out: Float32Array) -> None:
    for n in range(len(vectors)):
        x, y, z = vectors[n]
        for axis in range(3):
            a, b, c = rotation[axis]
            out[n, axis] = _fused(z, c, _fused(y, b, x * a))


def turned(vectors: Float32Array, rotation: Float64Array) -> Float32Array:
    """Return ``vectors`` float32 [N, 3] turned by a 3 x 3 ``rotation``."""
    out = np.empty_like(vectors)
    _turned(vectors, rotation.astype(np.float32, order="C"), out)
    return out
