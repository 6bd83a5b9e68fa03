"""What was used last, as far as there is room for it."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Values by key; those that nobody asked for longest go first.

    Args:
        most_bytes: what the values may take together; one that is larger is kept alone.
    """

    def __init__(self, most_bytes: int) -> None:
        self._room = most_bytes
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()

    def get(self, key: Hashable) -> Value | None:
        """Return the value of a key, or None where there is none, or none any more."""
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, value: Value, size_bytes: int) -> None:
        """Keep a value under a key that has none."""
        self._values[key] = (value, size_bytes)
        self._room -= size_bytes
        while self._room < 0 and len(self._values) > 1:
            _, (_, freed_bytes) = self._values.popitem(last=False)
            self._room += freed_bytes
