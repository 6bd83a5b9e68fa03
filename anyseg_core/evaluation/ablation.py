"""A table of one model's variants, as the papers show their ablations."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING

from anyseg_core.errors import ConfigurationError
from anyseg_core.evaluation.comparison import (
    caption,
    check_alike,
    escaped,
    rows_of,
    unusable,
    with_spread,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyseg_core.evaluation.comparison import Evaluated

MEASURES = {"miou": "mIoU", "f1": "F1", "mean_accuracy": "Acc"}


def ablation_table(evaluated: Sequence[Evaluated]) -> str:
    """Return a markdown table: a row per variant, its scores, and what they gain on the first row.

    Columns are mIoU, F1 and accuracy with all modalities (MSS), then in the mean of all subsets
    (MISS). A cell of several seeds is their mean ± sample standard deviation. Absent classes
    count 0. Source: Tables 5 and 6 of Any2Seg.

    Args:
        evaluated: at least one, all by the protocol ``miss``; the first row is what the others are
            held to.

    Raises:
        ConfigurationError: the files are not of the same data and classes, of another protocol, or
            are not what ``anyseg evaluate`` writes.
    """
    check_alike(evaluated)
    rows = {label: [_cells(one) for one in seeds] for label, seeds in rows_of(evaluated).items()}
    columns = [*next(iter(rows.values()))[0]]
    first = {name: _mean(next(iter(rows.values())), name) for name in columns}
    lines = [
        "| variant | seeds | " + " | Δ | ".join(columns) + " | Δ |",
        "|---|---" + "|---:|---:" * len(columns) + "|",
    ]
    for i, (label, seeds) in enumerate(rows.items()):
        cells = []
        for name in columns:
            gain = _mean(seeds, name) - first[name]
            cells += [with_spread([seed[name] for seed in seeds]), f"{gain:+.2f}" if i else ""]
        lines.append(f"| {escaped(label)} | {len(seeds)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n\n" + caption(evaluated[0], "miou") + "\n"


def _cells(one: Evaluated) -> dict[str, float]:
    content = one.content
    if content.get("protocol") != "miss":
        raise ConfigurationError(
            f"{one.source}, by the protocol {content.get('protocol')!r}",
            "evaluations by the protocol miss",
            "evaluate with --protocol miss",
        )
    try:
        subsets = content["subsets"]
        full = subsets[max(subsets, key=len)]
        mss = {f"MSS {title}": float(full[key]) for key, title in MEASURES.items()}
        miss = {
            f"MISS {title}": statistics.fmean(float(subset[key]) for subset in subsets.values())
            for key, title in MEASURES.items()
        }
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise unusable(Path(one.source), f"{type(error).__name__}: {error}") from None
    return mss | miss


def _mean(seeds: Sequence[dict[str, float]], name: str) -> float:
    return statistics.fmean(seed[name] for seed in seeds)
