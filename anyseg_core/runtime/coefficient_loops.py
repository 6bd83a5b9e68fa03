"""How often each modality counts in Any2Seg's fusion, as a compiled loop for the CPU.

It does what ``fusion.coefficients_of_products`` does on one thread and without PyTorch, whose
second thread goes on waiting actively for a while and so takes the core that the loops before and
behind this one want.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.kernels import array_out, constants_in, device, kernel

if TYPE_CHECKING:
    from anyseg_core.types import Float32Array

_EPS = np.float32(1e-8)
_ONE, _ZERO = np.float32(1), np.float32(0)


@kernel(
    (
        constants_in("float32", 3), "int64", "boolean", "boolean", "boolean",
        array_out("float32", 2), array_out("float32", 1),
    ),
    reassociated=True,
)  # fmt: skip
def fusion_coefficients(
    products: Float32Array,
    iterations: int,
    reweight: bool,  # noqa: FBT001 - numba takes no keywords
    selection: bool,  # noqa: FBT001 - as above
    residual: bool,  # noqa: FBT001 - as above
    coefficients: Float32Array,
    weights: Float32Array,
) -> None:
    """Write how often each of M modalities counts at each of P pixels.

    Args:
        products: inner products of the modalities' features, P x M x M.
        iterations: as of ``fusion.fuse_modalities``, and so the three after it.
        reweight: weigh the maps by their cosines.
        selection: select the nearest map at each pixel.
        residual: add what was balanced and what was selected.
        coefficients: P x M.
        weights: [M], the cosine of each modality's map with the state.
    """
    pixels, count = coefficients.shape
    even = _ONE / np.float32(count)
    balanced = np.empty(count, np.float32)
    coefficients[:] = even
    for _ in range(iterations):
        _weigh(products, coefficients, weights)
        for m in range(count):
            balanced[m] = weights[m] * even if reweight else even
        for p in range(pixels):
            nearest = _nearest(products[p], balanced) if selection else -1
            for m in range(count):
                chosen = _ONE if m == nearest else _ZERO
                made = chosen if selection else balanced[m]
                kept = balanced[m] if selection else coefficients[p, m]
                coefficients[p, m] = made + kept if residual else made


@device
def _weigh(products: Float32Array, coefficients: Float32Array, weights: Float32Array) -> None:
    """Write the cosine of each modality's map with the state."""
    pixels, count = coefficients.shape
    squares, dots, length = np.zeros(count), np.zeros(count), 0.0
    for p in range(pixels):
        for m in range(count):
            dot = _ZERO
            for n in range(count):
                dot += products[p, m, n] * coefficients[p, n]
            squares[m] += products[p, m, m]
            dots[m] += dot
            length += dot * coefficients[p, m]
    for m in range(count):
        weights[m] = dots[m] / max(np.sqrt(squares[m] * max(length, 0.0)), _EPS)


@device
def _nearest(products: Float32Array, balanced: Float32Array) -> int:
    """Return the first modality whose features have the greatest cosine with the balanced ones."""
    best, nearest = -np.inf, 0
    for m in range(balanced.size):
        dot = _ZERO
        for n in range(balanced.size):
            dot += products[m, n] * balanced[n]
        near = dot / max(np.sqrt(products[m, m]), _EPS)
        if near > best:
            best, nearest = near, m
    return nearest
