"""The weights that come with the package."""

from __future__ import annotations

from pathlib import Path

SHIPPED_CHECKPOINT = Path(__file__).parent / "weights" / "default.safetensors"


def shipped_checkpoint() -> Path | None:
    """Return the path of the package's own checkpoint; None while it has none."""
    return SHIPPED_CHECKPOINT if SHIPPED_CHECKPOINT.is_file() else None
