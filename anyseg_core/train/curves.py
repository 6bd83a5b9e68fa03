"""Curves for TensorBoard, written only when asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from anyseg_core.errors import MissingDependencyError

if TYPE_CHECKING:
    from pathlib import Path


class Curves:
    """Writes figures to TensorBoard's event files.

    Args:
        folder: of the event files.
        update: of a resumed run: what TensorBoard holds of later ones is hidden.

    Raises:
        MissingDependencyError: tensorboard is not installed.
    """

    def __init__(self, folder: Path, update: int) -> None:
        try:
            module = importlib.import_module("torch.utils.tensorboard")
        except ImportError as error:
            raise MissingDependencyError(
                "no package tensorboard", "it, for --tensorboard", "pip install tensorboard"
            ) from error
        self._writer = module.SummaryWriter(str(folder), purge_step=update + 1)

    def add(self, values: dict[str, Any], update: int) -> None:
        """Add figures; those of a nested dictionary under its name."""
        for name, value in values.items():
            for inner, figure in value.items() if isinstance(value, dict) else [("", value)]:
                self._writer.add_scalar(f"{name}/{inner}" if inner else name, figure, update)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
