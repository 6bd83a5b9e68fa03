"""Polarity counts: how many events of each polarity fell on each pixel.

They stand here, below ``projection``, because the decoders count in the same pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.events.jit import kernel, kernel_input

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.types import EventArray, Float32Array

_INT64 = np.iinfo(np.int64)


@kernel
def add_polarity_counts(
    x: NDArray[np.uint16], y: NDArray[np.uint16], p: NDArray[np.uint8], image: Float32Array
) -> int:
    """Add each event inside ``image`` (float32 [3, H, W]) to its pixel; returns how many did.

    Positive events count in channel 0, all others in channel 1. Unsigned indices spare the check
    for negative ones.
    """
    height, width = image.shape[1], image.shape[2]
    plane = np.uint64(height * width)
    row = np.uint64(width)
    counts = image.reshape(-1)
    added = 0
    for i in range(x.size):
        if x[i] < width and y[i] < height:
            channel = np.uint64(p[i] == 0)
            counts[channel * plane + np.uint64(y[i]) * row + np.uint64(x[i])] += np.float32(1.0)
            added += 1
    return added


@kernel
def add_polarity_counts_within(
    x: NDArray[np.uint16],
    y: NDArray[np.uint16],
    p: NDArray[np.uint8],
    image: Float32Array,
    t_ns: NDArray[np.int64],
    t_start_ns: int,
    t_end_ns: int,
) -> int:
    """As ``add_polarity_counts``, with the events of the interval (start, end] alone."""
    height, width = image.shape[1], image.shape[2]
    plane = np.uint64(height * width)
    row = np.uint64(width)
    counts = image.reshape(-1)
    added = 0
    for i in range(x.size):
        inside = x[i] < width and y[i] < height
        if inside and t_start_ns < t_ns[i] <= t_end_ns:
            channel = np.uint64(p[i] == 0)
            counts[channel * plane + np.uint64(y[i]) * row + np.uint64(x[i])] += np.float32(1.0)
            added += 1
    return added


def add_events(
    events: EventArray, image: Float32Array, t_start_ns: int | None, t_end_ns: int | None
) -> int:
    """Add the events of the interval (start, end] to ``image``; returns how many lay inside.

    Args:
        events: arrays of equal length and of the types that ``EventArray`` names.
        image: float32 [3, H, W], C-contiguous.
        t_start_ns: None where there is no bound.
        t_end_ns: None where there is no bound.
    """
    x = kernel_input(events.x, np.uint16)
    y = kernel_input(events.y, np.uint16)
    p = kernel_input(events.p, np.uint8)
    if t_start_ns is None and t_end_ns is None:
        return int(add_polarity_counts(x, y, p, image))
    start_ns = _INT64.min if t_start_ns is None else t_start_ns
    end_ns = _INT64.max if t_end_ns is None else t_end_ns
    t_ns = kernel_input(events.t_ns, np.int64)
    return int(add_polarity_counts_within(x, y, p, image, t_ns, start_ns, end_ns))
