"""A window of event packets as one image in the reference camera's plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.kernels import constants
from anyseg_core.projection.event_map import EventMap, add_remapped, remapped_columns
from anyseg_core.projection.events import raise_surface
from anyseg_core.projection.voxels import add_voxels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyseg_core.events.kernels import Columns
    from anyseg_core.types import EventArray, EventRepresentation, Float32Array


def draw_events(
    packets: Sequence[EventArray],
    lookup: EventMap,
    representation: EventRepresentation,
    t_end_ns: int,
    window_ns: int,
    out: Float32Array,
) -> None:
    """Write the packets' events over what ``out`` held.

    Polarity counts take every event up to the instant, whatever the packets hold. A voxel grid has
    three moments: the window's start, middle and end. A time surface falls to 1/e over the window.

    Args:
        packets: events in their own sensor's pixels.
        lookup: what `event_map` returned for that sensor.
        representation: what the three channels hold; see ``events.py`` for each.
        t_end_ns: later events are left for the next image.
        window_ns: length of the window, above 0.
        out: float32 [3, H, W], C-ordered, of the size that the lookup was made for.
    """
    out.fill(0.0)
    for events in packets:
        if representation == "polarity_counts":
            add_remapped(events, lookup, out, t_end_ns)
        elif representation == "voxel_grid":
            add_voxels(_moved(events, lookup), out, t_end_ns - window_ns, t_end_ns)
        else:
            raise_surface(_moved(events, lookup), out, t_end_ns, window_ns)


def _moved(events: EventArray, lookup: EventMap) -> Columns:
    x, y, t_ns, p = remapped_columns(events, lookup)
    return (
        constants(x, np.uint16),
        constants(y, np.uint16),
        constants(t_ns, np.int64),
        constants(p, np.uint8),
    )
