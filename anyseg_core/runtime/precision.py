"""The precisions that a network can be computed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyseg_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

FLOAT32 = "float32"
BFLOAT16 = "bfloat16"
INT8 = "int8"

PRECISIONS = ("auto", FLOAT32, BFLOAT16, "float16", INT8)
"""What ``load_segmenter`` can be asked for; ``auto`` is float32 on a CPU, or as exported."""


def refuse_precision(backend: str, precision: str, usable: Sequence[str]) -> ConfigurationError:
    """Return the error for a precision that a backend does not have on this device."""
    return ConfigurationError(
        f"precision {precision!r} with the backend {backend} on this device",
        f"auto or {' or '.join(usable)}",
        "choose another precision, device or backend",
    )
