"""Which reading of each modality the kept features were made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping


class KeptReadings:
    """Remembers one identity per modality; a modality without one is never remembered."""

    def __init__(self) -> None:
        self._identities: dict[str, Hashable] = {}

    def holds(self, name: str, readings: Mapping[str, Hashable] | None) -> bool:
        """Return whether the features of ``name`` are those of this reading."""
        identity = None if readings is None else readings.get(name)
        return identity is not None and self._identities.get(name) == identity

    def forget(self, name: str) -> None:
        """Forget a modality, before its features are written anew."""
        self._identities.pop(name, None)

    def keep(self, name: str, readings: Mapping[str, Hashable] | None) -> None:
        """Remember that the features of ``name`` are now those of this reading."""
        identity = None if readings is None else readings.get(name)
        if identity is not None:
            self._identities[name] = identity
