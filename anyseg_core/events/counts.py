"""Polarity counts: how many events of each polarity fell on each pixel.

They stand here, below ``projection``, because the decoders count in the same pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.kernels import array_out, constants, constants_in, kernel
from anyseg_core.parallel import Scratch, run_halves

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.types import EventArray, Float32Array, UInt8Array

_INT64 = np.iinfo(np.int64)


_XYP = tuple(constants_in(scalar, 1) for scalar in ("uint16", "uint16", "uint8"))
_IMAGE = array_out("float32", 3)
_BYTES = array_out("uint8", 1)

_WORTH_TWO_THREADS = 40_000  # events; below, waking a thread costs more than it saves
_PIXELS_PER_EVENT = 4  # so few events for the pixels are added one by one: no pass over the image
_SCRATCH = Scratch()


@kernel((*_XYP, _IMAGE))
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


@kernel((*_XYP, _IMAGE, constants_in("int64", 1), "int64", "int64"))
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


@kernel((*_XYP, "int64", "int64", _BYTES, array_out("int64", 1)))
def count_in_bytes(
    x: NDArray[np.uint16],
    y: NDArray[np.uint16],
    p: NDArray[np.uint8],
    width: int,
    height: int,
    counts: UInt8Array,
    carries: NDArray[np.int64],
) -> int:
    """Count as ``add_polarity_counts`` in bytes, a quarter of the memory; returns how many did.

    ``carries`` holds how many bytes ran over, and then where: each of them stands for 256 events.
    """
    plane, row = np.uint64(height * width), np.uint64(width)
    added = 0
    carried = carries[0]
    for i in range(x.size):
        if x[i] < width and y[i] < height:
            cell = np.uint64(p[i] == 0) * plane + np.uint64(y[i]) * row + np.uint64(x[i])
            count = np.uint8(counts[cell] + np.uint8(1))
            counts[cell] = count
            added += 1
            if count == 0:
                carried += 1
                carries[carried] = np.int64(cell)
    carries[0] = carried
    return added


@kernel((_BYTES, "int64", "int64", _IMAGE))
def add_bytes(counts: UInt8Array, first: int, end: int, image: Float32Array) -> None:
    """Add an image of bytes to the cells [first, end) of ``image``, and set it back to 0."""
    cells = image.reshape(-1)
    for i in range(first, end):
        cells[i] += np.float32(counts[i])
    for i in range(first, end):
        counts[i] = 0


class ByteCounts:
    """Two images of bytes in which two threads count, to be added to an image at the end.

    Bytes stay in the processor's cache where float32 does not. An instance is for one image: its
    memory belongs to the thread, and the next instance uses it again.

    Args:
        width: columns.
        height: rows.
        events: how many events will be counted at most.
    """

    def __init__(self, width: int, height: int, events: int) -> None:
        self._size = width, height
        cells = 2 * width * height
        self._counts = [_SCRATCH.array(f"counts {half}", cells, np.uint8) for half in (0, 1)]
        room = 1 + events // 256
        self._carries = [_SCRATCH.array(f"carries {half}", room, np.int64) for half in (0, 1)]
        for carries in self._carries:
            carries[0] = 0
        self._used = 1  # how many of the two hold counts

    def count(self, events: EventArray) -> int:
        """Count some of the events, of the types that ``EventArray`` names."""
        x, y = constants(events.x, np.uint16), constants(events.y, np.uint16)
        p = constants(events.p, np.uint8)
        added = [0, 0]

        def part(half: int, first: int, end: int) -> None:
            added[half] = count_in_bytes(
                x[first:end], y[first:end], p[first:end], *self._size, self._counts[half],
                self._carries[half],
            )  # fmt: skip

        if x.size < _WORTH_TWO_THREADS:
            part(0, 0, x.size)
        else:
            self._used = 2
            run_halves(part, x.size)
        return sum(added)

    def add_to(self, image: Float32Array) -> None:
        """Add what was counted to ``image``, float32 [3, H, W], and forget it."""

        def part(_: int, first: int, end: int) -> None:
            for counts in self._counts[: self._used]:
                add_bytes(counts, first, end, image)

        run_halves(part, self._counts[0].size)
        for carries in self._carries:
            np.add.at(image.reshape(-1), carries[1 : 1 + carries[0]], np.float32(256.0))


def many_for(events: int, width: int, height: int) -> bool:
    """Whether so many events repay `ByteCounts`' pass over the whole image."""
    return events * _PIXELS_PER_EVENT >= width * height


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
    height, width = image.shape[1:]
    unbounded = t_start_ns is None and t_end_ns is None
    if unbounded and many_for(len(events), width, height):
        counts = ByteCounts(width, height, len(events))
        added = counts.count(events)
        counts.add_to(image)
        return added
    x = constants(events.x, np.uint16)
    y = constants(events.y, np.uint16)
    p = constants(events.p, np.uint8)
    if unbounded:
        return int(add_polarity_counts(x, y, p, image))
    start_ns = _INT64.min if t_start_ns is None else t_start_ns
    end_ns = _INT64.max if t_end_ns is None else t_end_ns
    t_ns = constants(events.t_ns, np.int64)
    return int(add_polarity_counts_within(x, y, p, image, t_ns, start_ns, end_ns))
