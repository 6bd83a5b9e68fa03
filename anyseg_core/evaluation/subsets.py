"""Subsets of modalities, and their short names as in the papers' tables."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from anyseg_core.types import MODALITIES, MODALITY_LETTERS

if TYPE_CHECKING:
    from collections.abc import Sequence

Subset = tuple[str, ...]


def in_order(modalities: Sequence[str]) -> Subset:
    """Return modalities in the papers' order; others follow in the order given."""
    known = [name for name in MODALITIES if name in modalities]
    return (*known, *(name for name in modalities if name not in MODALITIES))


def all_subsets(modalities: Sequence[str]) -> tuple[Subset, ...]:
    """Return every non-empty subset: single ones first, the full set last, as in the tables."""
    ordered = in_order(modalities)
    return tuple(
        subset for count in range(1, len(ordered) + 1) for subset in combinations(ordered, count)
    )


def letters(modalities: Sequence[str]) -> dict[str, str]:
    """Return one letter for each modality; where two would share one, the whole names.

    Examples:
        ``{"rgb": "R", "lidar": "L"}``; for MCubeS ``{"rgb": "R", "aolp": "A", "dolp": "D",
        "nir": "N"}``.
    """
    chosen = {name: MODALITY_LETTERS.get(name, name[0].upper()) for name in modalities}
    return chosen if len(set(chosen.values())) == len(chosen) else {n: n for n in modalities}


def subset_name(subset: Subset, modalities: Sequence[str]) -> str:
    """Return a subset's short name among all ``modalities``: ``RDEL``, or ``rgb+rear`` in words."""
    short = letters(modalities)
    one_each = all(len(letter) == 1 for letter in short.values())
    return ("" if one_each else "+").join(short[name] for name in subset)
