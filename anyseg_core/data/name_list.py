"""Text files that list a split's samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyseg_core.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def read_names(path: Path, suffix: str = "") -> list[str]:
    """Return the first word of every line, without ``suffix``; empty lines are passed over.

    Raises:
        ConfigurationError: the file cannot be read, or names a sample twice.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path}: {error}", "a text file with one name a line", "check the list"
        ) from None
    names = [line.split()[0].removesuffix(suffix) for line in lines if line.strip()]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigurationError(f"{path}: {twice} twice", "every name once", "correct the list")
    return names
