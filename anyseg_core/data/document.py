"""The YAML documents that describe data: read with every wrong value named."""

from __future__ import annotations

import math
import reprlib
from typing import TYPE_CHECKING, Any

import yaml

from anyseg_core.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from anyseg_core.data.images import Triple

LARGEST_BYTES = 1_000_000


class Document:
    """One mapping of a YAML file, with the file and the path of keys that led to it."""

    def __init__(self, value: object, path: Path, key: str = "") -> None:
        self.path = path
        self.key = key
        if not isinstance(value, dict):
            raise self.error(reprlib.repr(value), "a mapping")
        self.values: dict[Any, Any] = value

    def error(self, got: str, wanted: str, name: str = "") -> ConfigurationError:
        """Return the error for the value under ``name``, or for this mapping."""
        where = ".".join(part for part in (self.key, name) if part) or "the document"
        return ConfigurationError(f"{self.path}: {where}: {got}", wanted, "correct the file")

    def only(self, *names: str) -> None:
        """Check that there is no key but these: a mistyped key must not be passed over."""
        for name in self.values:
            if name not in names:
                raise self.error("an unknown key", f"one of {', '.join(names)}", str(name))

    def value(self, name: str) -> Any:  # noqa: ANN401 - the value of a document may be anything
        """Return the value under ``name``, which must be there."""
        if name not in self.values:
            raise self.error("nothing", "a value", name)
        return self.values[name]

    def mapping(self, name: str) -> Document:
        """Return the mapping under ``name``."""
        return Document(self.value(name), self.path, ".".join(filter(None, (self.key, name))))

    def items(self, name: str) -> list[Document]:
        """Return the list of mappings under ``name``."""
        value = self.value(name)
        if not isinstance(value, list) or not value:
            raise self.error(reprlib.repr(value), "a list", name)
        return [Document(item, self.path, f"{name}[{i}]") for i, item in enumerate(value)]

    def text(self, name: str, default: str | None = None) -> str:
        """Return the text under ``name``, which must not be empty."""
        value = default if default is not None and name not in self.values else self.value(name)
        if not isinstance(value, str) or not value:
            raise self.error(reprlib.repr(value), "a text", name)
        return value

    def flag(self, name: str) -> bool:
        """Return whether ``name`` is true; absent is false."""
        value = self.values.get(name, False)
        if not isinstance(value, bool):
            raise self.error(reprlib.repr(value), "true or false", name)
        return value

    def triple(self, name: str, default: float | None = None) -> Triple:
        """Return three numbers; one number counts for all three channels."""
        value = default if default is not None and name not in self.values else self.value(name)
        listed = value if isinstance(value, list) else [value] * 3
        try:
            # YAML 1.1 reads 1e-5 as text
            numbers = [float(item) for item in listed if not isinstance(item, bool)]
        except (TypeError, ValueError):
            numbers = []
        if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
            raise self.error(reprlib.repr(value), "one number, or a list of three", name)
        return numbers[0], numbers[1], numbers[2]

    def ids(self, name: str) -> tuple[int, ...]:
        """Return the bytes listed under ``name``; absent is none."""
        value = self.values.get(name, [])
        if not isinstance(value, list) or not all(is_byte(item) for item in value):
            raise self.error(reprlib.repr(value), "a list of numbers, 0 to 255", name)
        return tuple(value)


def is_byte(value: object) -> bool:
    """Say whether a value is an integer of 0 to 255."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255


def read_yaml(path: Path, wanted: str) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Read the one document of a YAML file.

    Args:
        path: the file.
        wanted: what it is to be, for the error's words.

    Raises:
        ConfigurationError: it cannot be read, is larger than 1 MB, or is no YAML.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ConfigurationError(f"{path}: more than 1 MB", wanted, "check the path")
        return yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}", wanted, "check the path") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        told = " ".join(str(error).split())
        raise ConfigurationError(f"{path}: {told}", wanted, "correct it") from None


def read_document(path: Path) -> Document:
    """Read a YAML file that holds a mapping.

    Raises:
        ConfigurationError: it cannot be read, is larger than 1 MB, or is no mapping.
    """
    return Document(read_yaml(path, "a YAML file that describes data"), path)
