"""Compilation ahead of the first message."""

from __future__ import annotations

from anyseg_core.events import warm_up as warm_up_decoders
from anyseg_core.geometry import lens
from anyseg_core.kernels import compile_kernels
from anyseg_core.projection import (
    buffers,
    depth,
    deskew,
    event_map,
    events,
    labels,
    lidar,
    normalisation,
    rgb,
)


def warm_up() -> None:
    """Compile every loop of the front end, or load it from numba's cache on disk.

    Call it while a node is configured: seconds the first time on a machine, milliseconds later.
    """
    warm_up_decoders()
    compile_kernels(
        lens, buffers, depth, deskew, event_map, events, labels, lidar, normalisation, rgb
    )
