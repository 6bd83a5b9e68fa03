"""Event recordings in HDF5."""

from __future__ import annotations

import importlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.data.files import bad_file
from anyseg_core.errors import MissingDependencyError
from anyseg_core.types import EventArray

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_NS_PER_US = 1000
_LARGEST_COORDINATE = 65534


def read_events(path: Path, window_ns: int) -> EventArray:
    """Read ``events/{x, y, t, p}``, t in microseconds: the last ``window_ns`` up to the last event.

    The window holds its first instant too, as in the set's own tools. Of the columns but t only the
    part that the window needs is unpacked.

    Args:
        path: the HDF5 file.
        window_ns: length of the window.

    Raises:
        MissingDependencyError: h5py, or a codec that the file needs, is not installed.
        RecordError: the file is damaged or holds something else.
    """
    x, y, time, polarity = _columns(path, window_ns)
    t_ns = time.astype(np.int64) * _NS_PER_US
    recent = t_ns >= t_ns.max(initial=0) - window_ns
    recent &= (x >= 0) & (x <= _LARGEST_COORDINATE) & (y >= 0) & (y <= _LARGEST_COORDINATE)
    return EventArray(
        x[recent].astype(np.uint16),
        y[recent].astype(np.uint16),
        t_ns[recent],
        (polarity[recent] > 0).astype(np.uint8),
    )


def _columns(path: Path, window_ns: int) -> list[NDArray[Any]]:
    """Return x, y, t and p from the window's first event on."""
    h5py = _h5py()
    try:
        with h5py.File(path, "r") as file:
            datasets = [file["events"][name] for name in ("x", "y", "t", "p")]
            _check(datasets, path)
            time = np.asarray(datasets[2])
            recent = time.astype(np.int64) >= int(time.max(initial=0)) - window_ns // _NS_PER_US
            first = int(np.argmax(recent)) if recent.any() else len(recent)
            return [np.asarray(dataset[first:]) for dataset in datasets]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise bad_file(path, str(error), "datasets events/x, y, t and p") from None
    except (OSError, RuntimeError) as error:
        if "plugin" in str(error) or "required filter" in str(error):
            raise MissingDependencyError(
                f"{path}: {error}", "the codec of this file", "pip install hdf5plugin"
            ) from None
        raise bad_file(path, str(error), "an HDF5 file") from None


def _check(datasets: list[Any], path: Path) -> None:
    shapes = [dataset.shape for dataset in datasets]
    types = [dataset.dtype for dataset in datasets]
    if (
        len(set(shapes)) != 1
        or len(shapes[0]) != 1
        or any(kind.kind not in "iub" for kind in types)
    ):
        got = ", ".join(f"{kind} {shape}" for kind, shape in zip(types, shapes, strict=True))
        raise bad_file(path, f"columns of {got}", "integers x, y, t, p of one length")


def _h5py() -> Any:  # noqa: ANN401 - a package without type information
    """Return h5py, with the codecs of hdf5plugin where that is installed: MUSES is packed so."""
    try:
        module = importlib.import_module("h5py")
    except ImportError:
        raise MissingDependencyError(
            "no module 'h5py'", "h5py, which reads event recordings", "pip install h5py"
        ) from None
    with suppress(ImportError):
        importlib.import_module("hdf5plugin")
    return module
