"""Compilation ahead of the first message."""

from __future__ import annotations

from anyseg_core.geometry import lens
from anyseg_core.geometry.kernel import Kernel
from anyseg_core.projection import (
    buffers,
    depth,
    deskew,
    event_map,
    labels,
    lidar,
    normalisation,
    rgb,
)
from anyseg_core.projection.events import warm_up_events

_MODULES = (lens, buffers, depth, deskew, event_map, labels, lidar, normalisation, rgb)


def warm_up() -> None:
    """Compile every loop of the front end, or load it from numba's cache on disk.

    Call it while a node is configured: seconds the first time on a machine, milliseconds later.
    """
    for module in _MODULES:
        for value in vars(module).values():
            if isinstance(value, Kernel):
                value.compile()
    warm_up_events()
