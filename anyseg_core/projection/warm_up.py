"""Compilation ahead of the first message."""

from __future__ import annotations

import sys

from anyseg_core.kernels import compile_kernels

_PARTS = tuple(
    f"anyseg_core.{name}" for name in ("geometry.", "events.", "projection.", "health.", "metrics")
)


def warm_up() -> None:
    """Compile every loop of front end, detectors and scores, or load it from numba's cache on disk.

    Call it while a node is configured: seconds the first time on a machine, milliseconds later.
    """
    # by their names in sys.modules: in the package a function may stand under its module's name
    compile_kernels(
        *(module for name, module in list(sys.modules.items()) if name.startswith(_PARTS))
    )
