"""Events moved from their own sensor's pixels to the reference camera's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anyseg_core.errors import CalibrationError, RecordError
from anyseg_core.geometry.lens import project_point, undistort_near
from anyseg_core.geometry.transforms import check_transform
from anyseg_core.kernels import array_in, array_out, constants, constants_in, kernel
from anyseg_core.parallel import Scratch, run_halves
from anyseg_core.types import EventArray, Float32Array, Float64Array

if TYPE_CHECKING:
    from anyseg_core.events.kernels import Columns
    from anyseg_core.geometry.camera import Camera

EventMap = NDArray[np.int16]
"""int16 [h, w, 2]: column and row in the reference image of each event pixel, -1 where outside."""

_INT16_PIXELS = 32767


def event_map(event_camera: Camera, camera: Camera, camera_from_event: ArrayLike) -> EventMap:
    """Return the reference pixel of every event pixel, for a scene far away.

    An event has no depth. Each pixel's ray is undistorted, rotated into the reference camera and
    projected there; the translation between the two is left out, as if everything were at
    infinity. At distance d the error is about f * baseline / d pixels: 5 cm and 500 px make
    2.5 px at 10 m. Where the reference resolves more, some of its pixels receive no events.

    Args:
        event_camera: the event sensor's camera, h x w.
        camera: the reference camera, already scaled to the wanted size.
        camera_from_event: rigid transform [4, 4]; only its rotation is used.

    Raises:
        CalibrationError: the transform is not rigid, or the camera is wider than 32767 pixels.
    """
    transform = check_transform(camera_from_event, "camera_from_event")
    if max(camera.width, camera.height) > _INT16_PIXELS:
        raise CalibrationError(
            f"a camera of {camera.width} x {camera.height}",
            f"at most {_INT16_PIXELS} pixels a side",
            "scale the camera down",
        )
    rotation = constants(transform[:3, :3], np.float64)
    lookup = np.empty((event_camera.height, event_camera.width, 2), np.int16)

    def part(_: int, first: int, end: int) -> None:
        _look_up(
            event_camera.lens, camera.lens, rotation, camera.width, camera.height, first, end,
            lookup,
        )  # fmt: skip

    run_halves(part, event_camera.height)
    return lookup


def remap_events(events: EventArray, lookup: EventMap) -> EventArray:
    """Return the events that fall into the reference image, at its pixels, in their order.

    Args:
        events: events in the event sensor's pixels; those outside the sensor are dropped.
        lookup: what `event_map` returned.

    Raises:
        RecordError: the lookup is not int16 [h, w, 2].
    """
    if lookup.ndim != 3 or lookup.shape[2] != 2 or lookup.dtype != np.int16:
        raise RecordError(
            f"a lookup of {lookup.dtype} {lookup.shape}", "int16 [h, w, 2]", "make it by event_map"
        )
    x, y, t_ns, p = remapped_columns(events, np.ascontiguousarray(lookup))
    return EventArray(x.copy(), y.copy(), t_ns.copy(), p.copy())


def remapped_columns(events: EventArray, lookup: EventMap) -> Columns:
    """Remap events as `remap_events` does, into memory that this thread's next call overwrites."""
    count = len(events)
    columns = (
        _SCRATCH.array("x", count, np.uint16),
        _SCRATCH.array("y", count, np.uint16),
        _SCRATCH.array("t_ns", count, np.int64),
        _SCRATCH.array("p", count, np.uint8),
    )
    kept = _move(events.x, events.y, events.t_ns, events.p, lookup, *columns)
    x, y, t_ns, p = (column[:kept] for column in columns)
    return x, y, t_ns, p


def add_remapped(events: EventArray, lookup: EventMap, image: Float32Array, t_end_ns: int) -> None:
    """Count events at their pixels in the reference image, with no arrays in between.

    The same as `remap_events` and then `bin_events`, but that counts are added to ``image``.

    Args:
        events: as for `remap_events`.
        lookup: what `event_map` returned.
        image: float32 [3, H, W], C-ordered, of the size that the lookup was made for.
        t_end_ns: only events up to and including this time count.
    """
    _add_remapped(events.x, events.y, events.t_ns, events.p, lookup, t_end_ns, image)


_SCRATCH = Scratch()
_LENS = constants_in("float64", 1)


@kernel((
    _LENS, _LENS, constants_in("float64", 2), "int64", "int64", "int64", "int64",
    array_out("int16", 3),
))  # fmt: skip
def _look_up(
    event_lens: Float64Array,
    lens: Float64Array,
    m: Float64Array,
    width: int,
    height: int,
    first_row: int,
    end_row: int,
    lookup: EventMap,
) -> None:
    x, y = 0.0, 0.0
    for r in range(first_row, end_row):
        for c in range(lookup.shape[1]):
            lookup[r, c, 0] = -1
            lookup[r, c, 1] = -1
            has_ray, x, y = undistort_near(event_lens, float(c), float(r), x, y)
            if not has_ray:
                x, y = 0.0, 0.0
                continue
            seen, u, v = project_point(
                lens,
                m[0, 0] * x + m[0, 1] * y + m[0, 2],
                m[1, 0] * x + m[1, 1] * y + m[1, 2],
                m[2, 0] * x + m[2, 1] * y + m[2, 2],
            )
            if seen and -0.5 <= u < width - 0.5 and -0.5 <= v < height - 0.5:
                lookup[r, c, 0] = math.floor(u + 0.5)
                lookup[r, c, 1] = math.floor(v + 0.5)


_XY = (array_in("uint16", 1), array_in("uint16", 1))
_LOOKUP = constants_in("int16", 3)


_OUT = tuple(array_out(scalar, 1) for scalar in ("uint16", "uint16", "int64", "uint8"))


@kernel((*_XY, array_in("int64", 1), array_in("uint8", 1), _LOOKUP, *_OUT))
def _move(
    x: NDArray[np.uint16],
    y: NDArray[np.uint16],
    t_ns: NDArray[np.int64],
    p: NDArray[np.uint8],
    lookup: EventMap,
    new_x: NDArray[np.uint16],
    new_y: NDArray[np.uint16],
    new_t_ns: NDArray[np.int64],
    new_p: NDArray[np.uint8],
) -> int:
    height, width = lookup.shape[:2]
    kept = 0
    for i in range(len(x)):
        if x[i] < width and y[i] < height and lookup[y[i], x[i], 0] >= 0:
            new_x[kept] = lookup[y[i], x[i], 0]
            new_y[kept] = lookup[y[i], x[i], 1]
            new_t_ns[kept] = t_ns[i]
            new_p[kept] = p[i]
            kept += 1
    return kept


@kernel(
    (*_XY, array_in("int64", 1), array_in("uint8", 1), _LOOKUP, "int64", array_out("float32", 3))
)
def _add_remapped(
    x: NDArray[np.uint16],
    y: NDArray[np.uint16],
    t_ns: NDArray[np.int64],
    p: NDArray[np.uint8],
    lookup: EventMap,
    t_end_ns: int,
    image: Float32Array,
) -> None:
    height, width = lookup.shape[:2]
    for i in range(len(x)):
        if x[i] < width and y[i] < height and t_ns[i] <= t_end_ns and lookup[y[i], x[i], 0] >= 0:
            image[int(p[i] == 0), lookup[y[i], x[i], 1], lookup[y[i], x[i], 0]] += np.float32(1.0)
