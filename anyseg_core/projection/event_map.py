"""Events moved from their own sensor's pixels to the reference camera's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anyseg_core.errors import CalibrationError, RecordError
from anyseg_core.geometry.transforms import check_transform
from anyseg_core.kernels import array_in, array_out, constants_in, kernel
from anyseg_core.types import EventArray, Float32Array

if TYPE_CHECKING:
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
    columns, rows = np.meshgrid(np.arange(event_camera.width), np.arange(event_camera.height))
    rays, has_ray = event_camera.rays(np.stack((columns, rows), axis=-1))
    uv, seen = camera.project(rays @ transform[:3, :3].T)
    with np.errstate(invalid="ignore"):
        pixels = np.floor(uv + 0.5)
        inside = (pixels >= 0) & (pixels < (camera.width, camera.height))
    good = has_ray & seen & inside.all(axis=1)
    lookup = np.where(good[:, None], pixels, -1.0).astype(np.int16)
    return lookup.reshape(event_camera.height, event_camera.width, 2)


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
    lookup = np.ascontiguousarray(lookup)
    kept = _count_inside(events.x, events.y, lookup)
    moved = EventArray(
        np.empty(kept, np.uint16),
        np.empty(kept, np.uint16),
        np.empty(kept, np.int64),
        np.empty(kept, np.uint8),
    )
    _move(events.x, events.y, events.t_ns, events.p, lookup, moved.x, moved.y, moved.t_ns, moved.p)
    return moved


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


_XY = (array_in("uint16", 1), array_in("uint16", 1))
_LOOKUP = constants_in("int16", 3)


@kernel((*_XY, _LOOKUP))
def _count_inside(x: NDArray[np.uint16], y: NDArray[np.uint16], lookup: EventMap) -> int:
    height, width = lookup.shape[:2]
    kept = 0
    for i in range(len(x)):
        if x[i] < width and y[i] < height and lookup[y[i], x[i], 0] >= 0:
            kept += 1
    return kept


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
) -> None:
    height, width = lookup.shape[:2]
    kept = 0
    for i in range(len(x)):
        if x[i] < width and y[i] < height and lookup[y[i], x[i], 0] >= 0:
            new_x[kept] = lookup[y[i], x[i], 0]
            new_y[kept] = lookup[y[i], x[i], 1]
            new_t_ns[kept] = t_ns[i]
            new_p[kept] = p[i]
            kept += 1


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
