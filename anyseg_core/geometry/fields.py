"""Reading of untrusted documents: every wrong value is named with its file and key."""

from __future__ import annotations

import math
import reprlib
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.errors import CalibrationError

if TYPE_CHECKING:
    from pathlib import Path

    from anyseg_core.types import Float64Array


class Fields:
    """One mapping of a document, with the file and the path of keys that led to it."""

    def __init__(self, value: object, path: Path, key: str = "") -> None:
        self.path = path
        self.key = key
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
            raise self.error(f"{reprlib.repr(value)}", "a mapping with names as keys")
        self.values: dict[str, Any] = value

    def error(self, got: str, wanted: str, name: str = "") -> CalibrationError:
        """Return the error for the value under ``name``, or for this mapping."""
        where = ".".join(part for part in (self.key, name) if part) or "the document"
        return CalibrationError(f"{self.path}: {where}: {got}", wanted, "correct the file")

    def only(self, *names: str) -> None:
        """Check that there is no key but these: a mistyped key must not be passed over."""
        for name in self.values:
            if name not in names:
                raise self.error("an unknown key", f"one of {', '.join(names)}", name)

    def value(self, name: str) -> Any:  # noqa: ANN401 - the value of a document may be anything
        """Return the value under ``name``, which must be there."""
        if name not in self.values:
            raise self.error("nothing", "a value", name)
        return self.values[name]

    def mapping(self, name: str) -> Fields:
        """Return the mapping under ``name``."""
        return Fields(self.value(name), self.path, ".".join(filter(None, (self.key, name))))

    def text(self, name: str) -> str:
        """Return the non-empty text under ``name``."""
        value = self.value(name)
        if not isinstance(value, str) or not value:
            raise self.error(reprlib.repr(value), "a name", name)
        return value

    def size(self, name: str) -> int:
        """Return the positive integer under ``name``."""
        value = self.value(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.error(reprlib.repr(value), "a positive integer", name)
        return value

    def numbers(self, name: str, shape: tuple[int, ...] | None = None) -> Float64Array:
        """Return the finite numbers under ``name`` as float64 of ``shape`` (None: any list)."""
        value = self.value(name)
        wanted = "a list of numbers" if shape is None else f"{' x '.join(map(str, shape))} numbers"
        if not isinstance(value, list):
            raise self.error(reprlib.repr(value), wanted, name)
        try:
            array = np.array(_floats(value), np.float64)
        except (TypeError, ValueError, RecursionError):
            raise self.error(reprlib.repr(value), wanted, name) from None
        if shape is None and array.ndim == 1:
            return array
        if shape is None or array.size != math.prod(shape) or array.ndim not in (1, len(shape)):
            raise self.error(f"numbers of shape {array.shape}", wanted, name)
        return array.reshape(shape)


def _floats(value: object) -> Any:  # noqa: ANN401 - nested lists of floats have no finite type
    """Return nested lists of floats; YAML 1.1 reads 1e-5 as text, so number texts count."""
    if isinstance(value, list):
        return [_floats(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number
