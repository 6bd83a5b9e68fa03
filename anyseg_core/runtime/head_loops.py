"""The head in inference behind its four maps, as compiled loops for the CPU.

They do what ``head_inference.fused_tokens`` and ``logits_of_scores`` do, and find labels and
confidence, without ever making the large map of all channels: a pixel's channels stay in the
processor's first cache from the sum of the maps to the classifier. Rows are shared by two threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.kernels import array_out, constants_in, device, kernel

if TYPE_CHECKING:
    from anyseg_core.types import Float32Array, UInt8Array

    Maps = tuple[Float32Array, Float32Array, Float32Array, Float32Array]

_MAPS = (constants_in("float32", 4),) * 4
_HALF, _SIXTH, _TWENTY_FOURTH = np.float32(1 / 2), np.float32(1 / 6), np.float32(1 / 24)
_ONE, _ZERO = np.float32(1), np.float32(0)
BLOCK = 4
"""So many tokens are multiplied at once."""


@device
def _taps(index: int, size: int, coarse: int) -> tuple[int, int, np.float32]:
    """Where a bilinear value lies among ``coarse`` ones: two indices, and the second's weight.

    Corners are not aligned; as PyTorch's ``interpolate``.
    """
    at = max((index + _HALF) * np.float32(coarse) / np.float32(size) - _HALF, _ZERO)
    first = int(at)
    return first, min(first + 1, coarse - 1), np.float32(at - first)


@device
def _blend_rows(coarse: Float32Array, row: int, height: int, out: Float32Array) -> None:
    """Write the row of a coarse map w' x C that lies at one of ``height`` rows."""
    first, second, share = _taps(row, height, coarse.shape[0])
    rest = _ONE - share
    above, below = coarse[first].reshape(-1), coarse[second].reshape(-1)
    for i in range(above.size):
        out[i] = rest * above[i] + share * below[i]


@device
def _add_pixel(
    fine: Float32Array,
    rows: tuple[Float32Array, Float32Array, Float32Array],
    column: int,
    width: int,
    out: Float32Array,
) -> None:
    """Write one pixel's channels: the sum of four maps, nothing below zero."""
    channels = fine.size
    row1, row2, row3 = rows
    a1, b1, share1 = _taps(column, width, row1.size // channels)
    a2, b2, share2 = _taps(column, width, row2.size // channels)
    a3, b3, share3 = _taps(column, width, row3.size // channels)
    rest1, rest2, rest3 = _ONE - share1, _ONE - share2, _ONE - share3
    p1, q1 = row1[a1 * channels : (a1 + 1) * channels], row1[b1 * channels : (b1 + 1) * channels]
    p2, q2 = row2[a2 * channels : (a2 + 1) * channels], row2[b2 * channels : (b2 + 1) * channels]
    p3, q3 = row3[a3 * channels : (a3 + 1) * channels], row3[b3 * channels : (b3 + 1) * channels]
    for c in range(channels):
        total = fine[c] + rest1 * p1[c] + share1 * q1[c]
        total += rest2 * p2[c] + share2 * q2[c]
        total += rest3 * p3[c] + share3 * q3[c]
        out[c] = max(total, _ZERO)


@kernel(
    (
        _MAPS, constants_in("float32", 2), "int64", "int64", array_out("float32", 4),
        array_out("float32", 4),
    ),
    reassociated=True,
)  # fmt: skip
def score_rows(
    maps: Maps,
    weights: Float32Array,
    first: int,
    end: int,
    scores: Float32Array,
    products: Float32Array,
) -> None:
    """Write what the classifier makes of N sensors' fused tokens, and their inner products.

    Both at once, as the maps are too large to be read twice.

    Args:
        maps: N x h x w x C each, from the finest to the coarsest.
        weights: the classifier's, K' x C, where K' is even.
        first: the first row to write, of h.
        end: the row after the last.
        scores: h x w x N x K', without the classifier's bias.
        products: h x w x N x N, or empty where none are wanted.
    """
    fine, map1, map2, map3 = maps
    count, height, width, channels = fine.shape
    rows1 = np.empty((count, map1.shape[2] * channels), np.float32)
    rows2 = np.empty((count, map2.shape[2] * channels), np.float32)
    rows3 = np.empty((count, map3.shape[2] * channels), np.float32)
    tokens = np.zeros(((count + 1) * BLOCK, channels), np.float32)  # room to read whole blocks
    sums = np.empty((BLOCK * count, weights.shape[0]), np.float32)
    for y in range(first, end):
        for n in range(count):
            _blend_rows(map1[n], y, height, rows1[n])
            _blend_rows(map2[n], y, height, rows2[n])
            _blend_rows(map3[n], y, height, rows3[n])
        for start in range(0, width, BLOCK):
            pixels = min(BLOCK, width - start)
            for i in range(pixels):
                x, own = start + i, tokens[i * count :]
                for n in range(count):
                    _add_pixel(fine[n, y, x], (rows1[n], rows2[n], rows3[n]), x, width, own[n])
                if products.size:
                    _multiply(own, products[y, x])
            for i in range(0, pixels * count, BLOCK):
                _classify(tokens[i : i + BLOCK], weights, sums[i : i + BLOCK])
            for i in range(pixels):
                scores[y, start + i] = sums[i * count : (i + 1) * count]


@device
def _multiply(tokens: Float32Array, out: Float32Array) -> None:
    """Write the inner products N x N of the first N tokens."""
    count = out.shape[0]
    for n in range(0, count, BLOCK):
        _multiply_block(tokens[n : n + BLOCK], out[n : n + BLOCK, n : n + BLOCK])
    for n in range(BLOCK, count):
        for m in range(n // BLOCK * BLOCK):
            total = _ZERO
            for i in range(tokens.shape[1]):
                total += tokens[n, i] * tokens[m, i]
            out[n, m] = out[m, n] = total


@device
def _multiply_block(tokens: Float32Array, out: Float32Array) -> None:
    """Write the inner products of four tokens that ``out`` has room for; each is loaded once."""
    a, b, c, d = tokens[0], tokens[1], tokens[2], tokens[3]
    aa = ab = ac = ad = bb = bc = bd = cc = cd = dd = _ZERO
    for i in range(a.size):
        aa += a[i] * a[i]
        ab += a[i] * b[i]
        ac += a[i] * c[i]
        ad += a[i] * d[i]
        bb += b[i] * b[i]
        bc += b[i] * c[i]
        bd += b[i] * d[i]
        cc += c[i] * c[i]
        cd += c[i] * d[i]
        dd += d[i] * d[i]
    rows = ((aa, ab, ac, ad), (ab, bb, bc, bd), (ac, bc, cc, cd), (ad, bd, cd, dd))
    for n in range(out.shape[0]):
        for m in range(out.shape[1]):
            out[n, m] = rows[n][m]


@device
def _classify(tokens: Float32Array, weights: Float32Array, out: Float32Array) -> None:
    """Write the products of four tokens and the weights, two classes at once.

    Eight sums side by side stay in registers; so many loads serve more than one product.
    """
    a, b, c, d = tokens[0], tokens[1], tokens[2], tokens[3]
    for k in range(0, weights.shape[0], 2):
        w, v = weights[k], weights[k + 1]
        aw = bw = cw = dw = av = bv = cv = dv = _ZERO
        for i in range(a.size):
            aw += a[i] * w[i]
            bw += b[i] * w[i]
            cw += c[i] * w[i]
            dw += d[i] * w[i]
            av += a[i] * v[i]
            bv += b[i] * v[i]
            cv += c[i] * v[i]
            dv += d[i] * v[i]
        for p, first, second in ((0, aw, av), (1, bw, bv), (2, cw, cv), (3, dw, dv)):
            out[p, k] = first
            out[p, k + 1] = second


@kernel(
    (
        constants_in("float32", 4), constants_in("float32", 3), constants_in("float32", 1),
        "int64", "int64", array_out("float32", 3),
    ),
    reassociated=True,
)  # fmt: skip
def logit_rows(
    scores: Float32Array,
    coefficients: Float32Array,
    bias: Float32Array,
    first: int,
    end: int,
    out: Float32Array,
) -> None:
    """Write the logits of fused tokens: what is linear in them can be summed instead.

    Args:
        scores: h x w x N x K', of ``score_rows``.
        coefficients: h x w x N, how often each sensor's tokens count.
        bias: the classifier's, K'.
        first: the first row to write, of h.
        end: the row after the last.
        out: h x K x w, row by row.
    """
    classes, width = out.shape[1:]
    total = np.empty(bias.size, np.float32)
    for y in range(first, end):
        for x in range(width):
            total[:] = bias
            for n in range(scores.shape[2]):
                share, own = coefficients[y, x, n], scores[y, x, n]
                for k in range(total.size):
                    total[k] += share * own[k]
            for k in range(classes):
                out[y, k, x] = total[k]


@device
def _widen(logits: Float32Array, out: Float32Array) -> None:
    """Resize one row of logits K x w to K x W."""
    classes, width = out.shape
    for x in range(width):
        a, b, share = _taps(x, width, logits.shape[1])
        rest = _ONE - share
        for k in range(classes):
            out[k, x] = rest * logits[k, a] + share * logits[k, b]


@device
def _exp(value: np.float32) -> np.float32:
    """E to a power of at most 0, within 2e-6: vectors of it, which the C library has not."""
    part = max(value, np.float32(-24)) * np.float32(1 / 64)
    power = _ONE + part * (_ONE + part * (_HALF + part * (_SIXTH + part * _TWENTY_FOURTH)))
    power *= power
    power *= power
    power *= power
    power *= power
    power *= power
    return power * power


@kernel(
    (constants_in("float32", 3), "int64", "int64", array_out("uint8", 2), array_out("uint8", 2)),
    reassociated=True,
)
def label_rows(
    logits: Float32Array, first: int, end: int, labels: UInt8Array, confidence: UInt8Array
) -> None:
    """Write each pixel's best class, the first of equals, and its softmax times 255.

    Args:
        logits: h x K x w.
        first: the first row to write, of H.
        end: the row after the last.
        labels: H x W.
        confidence: H x W.
    """
    height, classes, _ = logits.shape
    rows, width = labels.shape
    wide = np.empty((2, classes, width), np.float32)
    held = np.full(2, -1)
    best, winner = np.empty(width, np.float32), np.empty(width, np.int32)
    total = np.empty(width, np.float32)
    for y in range(first, end):
        a, b, share = _taps(y, rows, height)
        for row in (a, b):
            if held[row % 2] != row:
                _widen(logits[row], wide[row % 2])
                held[row % 2] = row
        above, below, rest = wide[a % 2], wide[b % 2], _ONE - share
        best[:] = -np.inf
        for k in range(classes):
            one, two = above[k], below[k]
            for x in range(width):
                value = rest * one[x] + share * two[x]
                winner[x] = k if value > best[x] else winner[x]
                best[x] = max(value, best[x])
        total[:] = 0
        for k in range(classes):
            one, two = above[k], below[k]
            for x in range(width):
                total[x] += _exp(rest * one[x] + share * two[x] - best[x])
        for x in range(width):
            labels[y, x] = winner[x]
            confidence[y, x] = np.uint8(np.float32(255) / total[x] + np.float32(0.5))
