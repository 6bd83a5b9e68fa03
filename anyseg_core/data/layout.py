"""What every layout of files can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from anyseg_core.data.file_dataset import Listing


class Layout(Protocol):
    """One data set on disk.

    Attributes:
        root: the folder that the user named.
        modalities: those that the set offers, in its order.
    """

    @property
    def root(self) -> Path: ...  # noqa: D102 - described above

    @property
    def modalities(self) -> tuple[str, ...]: ...  # noqa: D102 - described above

    def splits(self) -> tuple[str, ...]:
        """Return the splits that are there."""
        ...

    def listing(self, split: str, modalities: Sequence[str]) -> Listing:
        """List one split by names alone; no file is opened.

        Raises:
            ConfigurationError: a document that says what the split holds cannot be used.
        """
        ...
