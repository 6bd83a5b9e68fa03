"""numpy's array files, read with the checks that untrusted files need."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.data.files import bad_file, read_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from anyseg_core.types import Float32Array


def read_plane(path: Path) -> Float32Array:
    """Read a ``.npy`` of numbers [H, W] as float32; NaN and Inf measured nothing and become 0.

    Raises:
        RecordError: the file is missing, damaged, or holds something else.
    """
    try:
        array = np.load(io.BytesIO(read_bytes(path)), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise bad_file(path, str(error), "a .npy file") from None
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "fiu":
        got = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else "an archive"
        raise bad_file(path, got, "numbers [H, W]")
    return np.nan_to_num(array.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
