"""matplotlib, which only the plots of the benchmarks need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from anyseg_core.errors import MissingDependencyError


def pyplot() -> Any:  # noqa: ANN401 - a module that may be absent
    """Return ``matplotlib.pyplot``, set to draw into files.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    try:
        import_module("matplotlib").use("Agg")
        return import_module("matplotlib.pyplot")
    except ImportError as error:
        raise MissingDependencyError(
            "no package matplotlib", "it, to draw the plot", "run: pip install matplotlib"
        ) from error
