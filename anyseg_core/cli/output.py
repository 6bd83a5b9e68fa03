"""Files that the user asked for by an option."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from anyseg_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_text(option: str, path: Path, text: str) -> None:
    """Write a text file.

    Args:
        option: by which the user named it, for the error's words.
        path: the file.
        text: its content.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{option} {path}: {error.strerror}",
            "a file that can be written",
            "choose another path",
        ) from None


def write_json(option: str, path: Path, figures: Mapping[str, Any]) -> None:
    """Write figures as JSON, without NaN.

    Raises:
        ConfigurationError: see ``write_text``.
    """
    write_text(option, path, json.dumps(figures, indent=2, allow_nan=False) + "\n")
