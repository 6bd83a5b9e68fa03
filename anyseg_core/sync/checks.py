"""Refusals of a configuration with which no synchroniser can work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyseg_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence


def check_int(what: str, value: object, at_least: int | None) -> None:
    """Refuse ``value`` with a ConfigurationError unless it is an int of ``at_least`` or more."""
    wanted = "an integer" if at_least is None else f"an integer of {at_least} or more"
    bad = isinstance(value, bool) or not isinstance(value, int)
    if bad or (at_least is not None and isinstance(value, int) and value < at_least):
        raise ConfigurationError(f"{what} = {value!r}", wanted, "correct the value")


def check_names(names: list[str], reference_order: Sequence[str]) -> None:
    """Refuse doubles among the streams, and an order that does not name some of them once."""
    if not names or len(set(names)) < len(names):
        raise ConfigurationError(
            f"streams {names}", "at least one, each with its own name", "rename or add streams"
        )
    unknown = [name for name in reference_order if name not in names]
    double = len(set(reference_order)) < len(reference_order)
    if isinstance(reference_order, str) or not reference_order or unknown or double:
        raise ConfigurationError(
            f"reference_order {reference_order!r}",
            f"some of {names}, each at most once",
            "name the streams that may give the instants, best first",
        )
