"""Events in the image plane: polarity counts, voxel grid and time surface."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.events.counts import add_events
from anyseg_core.kernels import array_out, constants, constants_in, kernel
from anyseg_core.projection.voxels import fill_voxels
from anyseg_core.types import EventArray, Float32Array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.events.kernels import Columns

_LARGEST_SIDE = 65535
_OUTSIDE = 65535  # a coordinate that lies in no image
_INT64 = np.iinfo(np.int64)


def bin_events(
    events: EventArray,
    width: int,
    height: int,
    *,
    t_start_ns: int | None = None,
    t_end_ns: int | None = None,
    out: Float32Array | None = None,
) -> Float32Array:
    """Count the events of each polarity on each pixel (the input of MUSES and DELIVER models).

    Args:
        events: any integer types; ``p`` above 0 is positive. Events off the image are dropped.
        width: columns of the image.
        height: rows of the image.
        t_start_ns: only events later than this count; None for no bound.
        t_end_ns: only events up to and including this time count; None for no bound.
        out: float32 [3, height, width], C-contiguous, to be overwritten and returned.

    Returns:
        float32 [3, height, width]: positive counts, negative counts, zero.

    Raises:
        RecordError: where the arrays differ in length or are not of integers.
        ConfigurationError: where the size is out of range or ``out`` does not fit it.
    """
    image = _blank(out, 3, width, height)
    add_events(_checked(events), image, t_start_ns, t_end_ns)
    return image


def voxel_grid(
    events: EventArray,
    width: int,
    height: int,
    bins: int,
    t_start_ns: int,
    t_end_ns: int,
    *,
    out: Float32Array | None = None,
) -> Float32Array:
    """Sum signed events on each pixel in ``bins`` moments of time, shared bilinearly in time.

    An event of the interval (start, end] stands at (bins - 1) (t - start) / (end - start) and
    gives each of the two bins beside it its polarity, +1 or -1, times 1 less the distance (Zhu et
    al., Unsupervised Event-based Learning of Optical Flow, Depth, and Egomotion, CVPR 2019,
    equations 1 and 2, with the window's ends in place of the first and last event).

    Args:
        events: as for ``bin_events``.
        width: columns of the image.
        height: rows of the image.
        bins: moments of time, at least 1; a single one takes all events whole.
        t_start_ns: start of the window, which is not part of it.
        t_end_ns: end of the window, which is part of it.
        out: float32 [bins, height, width], C-contiguous, to be overwritten and returned.

    Returns:
        float32 [bins, height, width].

    Raises:
        RecordError: as for ``bin_events``.
        ConfigurationError: as for ``bin_events``, and where the window is empty or bins below 1.
    """
    if bins < 1 or t_end_ns <= t_start_ns:
        raise ConfigurationError(
            got=f"{bins} bins over the window ({t_start_ns}, {t_end_ns}] ns",
            wanted="at least 1 bin, and a window that ends after it starts",
            do="correct the number of bins or the window",
        )
    grid = _buffer(out, bins, width, height)
    fill_voxels(event_columns(events), grid, t_start_ns, t_end_ns)
    return grid


def time_surface(
    events: EventArray,
    width: int,
    height: int,
    t_end_ns: int,
    decay_ns: int,
    *,
    out: Float32Array | None = None,
) -> Float32Array:
    """How recent the latest event of each polarity is on each pixel.

    exp(-(t_end - t) / decay), where t is the time of the latest event up to and including t_end; 0
    where there is none (Lagorce et al., HOTS: A Hierarchy of Event-Based Time-Surfaces for Pattern
    Recognition, PAMI 2017, equations 2 and 3).

    Args:
        events: as for ``bin_events``.
        width: columns of the image.
        height: rows of the image.
        t_end_ns: the instant that the surface is made for; later events do not count.
        decay_ns: time in which the surface falls to 1/e, above 0.
        out: float32 [3, height, width], C-contiguous, to be overwritten and returned.

    Returns:
        float32 [3, height, width], 0 to 1: positive events, negative events, zero.

    Raises:
        RecordError: as for ``bin_events``.
        ConfigurationError: as for ``bin_events``, and where ``decay_ns`` is not above 0.
    """
    if decay_ns <= 0:
        raise ConfigurationError(
            got=f"a decay of {decay_ns} ns",
            wanted="a time above 0",
            do="give a decay of the order of the time between frames",
        )
    surface = _blank(out, 3, width, height)
    raise_surface(event_columns(events), surface, t_end_ns, decay_ns)
    return surface


def raise_surface(columns: Columns, surface: Float32Array, t_end_ns: int, decay_ns: int) -> None:
    """Add events to a time surface of the same instant; see ``time_surface``."""
    _raise_surface(*columns, surface, t_end_ns, decay_ns)


_COLUMNS = tuple(constants_in(scalar, 1) for scalar in ("uint16", "uint16", "int64", "uint8"))
_GRID = array_out("float32", 3)


@kernel((*_COLUMNS, _GRID, "int64", "int64"))
def _raise_surface(
    x: NDArray[np.uint16],
    y: NDArray[np.uint16],
    t_ns: NDArray[np.int64],
    p: NDArray[np.uint8],
    surface: Float32Array,
    t_end_ns: int,
    decay_ns: int,
) -> None:
    height, width = surface.shape[1], surface.shape[2]
    plane, row = np.uint64(height * width), np.uint64(width)  # unsigned: never from the end
    cells = surface.reshape(-1)
    for i in range(x.size):
        inside = x[i] < width and y[i] < height
        if inside and t_ns[i] <= t_end_ns:
            value = np.float32(math.exp((t_ns[i] - t_end_ns) / decay_ns))
            cell = np.uint64(p[i] == 0) * plane + np.uint64(y[i]) * row + np.uint64(x[i])
            # The latest event has the largest value; the times may step back.
            cells[cell] = max(value, cells[cell])


def event_columns(events: EventArray) -> Columns:
    """Return the events' arrays as the loops take them.

    Raises:
        RecordError: where the arrays differ in length or are not of integers.
    """
    checked = _checked(events)
    return (
        constants(checked.x, np.uint16),
        constants(checked.y, np.uint16),
        constants(checked.t_ns, np.int64),
        constants(checked.p, np.uint8),
    )


def _blank(out: Float32Array | None, channels: int, width: int, height: int) -> Float32Array:
    """Zeros of the size that is asked for, in ``out`` where it is given."""
    image = _buffer(out, channels, width, height)
    image.fill(0.0)
    return image


def _buffer(out: Float32Array | None, channels: int, width: int, height: int) -> Float32Array:
    """Check the size that is asked for; returns ``out`` where it is given, else new memory."""
    if not (1 <= width <= _LARGEST_SIDE and 1 <= height <= _LARGEST_SIDE):
        raise ConfigurationError(
            got=f"an image of {width} x {height} pixels",
            wanted=f"1 to {_LARGEST_SIDE} pixels a side",
            do="give the size of the event image",
        )
    shape = (channels, height, width)
    if out is None:
        return np.empty(shape, np.float32)
    if out.shape != shape or out.dtype != np.float32 or not out.flags.carray:
        raise ConfigurationError(
            got=f"an output of {out.dtype} {out.shape}",
            wanted=f"a writable, C-contiguous float32 array of shape {shape}",
            do="make it with numpy.empty(shape, numpy.float32)",
        )
    return out


def _checked(events: EventArray) -> EventArray:
    """Bring the arrays to the types that the kernels take; what uint16 cannot hold is outside."""
    arrays: dict[str, NDArray[Any]] = {
        "x": events.x,
        "y": events.y,
        "t_ns": events.t_ns,
        "p": events.p,
    }
    described = ", ".join(f"{name} {a.dtype} {a.shape}" for name, a in arrays.items())
    integers = all(a.dtype.kind in "iub" for a in arrays.values())
    if not integers or len({a.shape for a in arrays.values()}) != 1 or events.x.ndim != 1:
        raise RecordError(
            got=described,
            wanted="four one-dimensional integer arrays of equal length",
            do="make all four of the same packet",
        )
    p = events.p if events.p.dtype == np.uint8 else (events.p > 0).astype(np.uint8)
    return EventArray(_coordinate(events.x), _coordinate(events.y), events.t_ns, p)


def _coordinate(values: NDArray[Any]) -> NDArray[np.uint16]:
    if values.dtype == np.uint16:
        return values
    inside = (values >= 0) & (values < _OUTSIDE)
    return np.where(inside, values, _OUTSIDE).astype(np.uint16)
