"""One table of several evaluated models, with the spread over their seeds."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyseg_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

METRICS = ("miou", "miou_present")
"""What a table may show."""

SUMMARY = {"mean": "Mean", "top1": "Top-1", "last1": "Last-1"}


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One file that ``anyseg evaluate --json`` wrote.

    Attributes:
        label: the row that it belongs to; files of one row are seeds of one model.
        source: the file's name, for errors.
        content: its JSON.
    """

    label: str
    source: str
    content: dict[str, Any]


def read_evaluated(argument: str) -> Evaluated:
    """Read ``FILE.json``, or ``LABEL=FILE.json`` to name the row.

    Without a label the row is named by model, encoder and options.

    Raises:
        ConfigurationError: no such file, or not one that ``anyseg evaluate`` wrote.
    """
    label, path = "", Path(argument)
    if not path.is_file() and "=" in argument:
        label, _, name = argument.partition("=")
        path = Path(name)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Evaluated(label or _model_label(content), str(path), content)
    except OSError as error:
        raise unusable(path, str(error.strerror)) from None
    except (ValueError, KeyError, TypeError) as error:
        raise unusable(path, f"{type(error).__name__}: {error}") from None


def comparison_table(evaluated: Sequence[Evaluated], metric: str = "miou") -> str:
    """Return a markdown table: a row per model, a column per subset, then mean, top-1 and last-1.

    With the protocol ``sensor`` the columns are conditions and failure cases. A cell of several
    seeds is their mean ± sample standard deviation; the best mean of each column is bold.

    Args:
        evaluated: at least one; the order of rows is that of their first appearance.
        metric: one of ``METRICS``.

    Raises:
        ConfigurationError: the files are not of the same data, protocol and classes, or are not
            what ``anyseg evaluate`` writes.
    """
    check_alike(evaluated)
    rows = rows_of(evaluated)
    cells = {label: [_cells(one, metric) for one in seeds] for label, seeds in rows.items()}
    columns = [*next(iter(cells.values()))[0]]
    means = {
        label: {name: statistics.fmean(seed[name] for seed in seeds) for name in columns}
        for label, seeds in cells.items()
    }
    lines = [
        "| model | seeds | " + " | ".join(columns) + " |",
        "|---|---" + "|---:" * len(columns) + "|",
    ]
    for label, seeds in cells.items():
        texts = []
        for name in columns:
            text = with_spread([seed[name] for seed in seeds])
            best = max(row[name] for row in means.values())
            bold = len(rows) > 1 and round(means[label][name], 2) == round(best, 2)
            texts.append(f"**{text}**" if bold else text)
        lines.append(f"| {escaped(label)} | {len(seeds)} | " + " | ".join(texts) + " |")
    return "\n".join(lines) + "\n\n" + caption(evaluated[0], metric) + "\n"


def _cells(one: Evaluated, metric: str) -> dict[str, float]:
    ending = metric.removeprefix("miou")
    content = one.content
    try:
        columns = content["subsets"]
        if content["protocol"] == "sensor":
            columns = {**content["conditions"], **content["failures"]}
        values = {escaped(name): column[metric] for name, column in columns.items()}
        summary = {title: content[key + ending] for key, title in SUMMARY.items()}
        return {name: float(value) for name, value in {**values, **summary}.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise unusable(Path(one.source), f"{type(error).__name__}: {error}") from None


def rows_of(evaluated: Sequence[Evaluated]) -> dict[str, list[Evaluated]]:
    """Return the seeds of each row, in the order of the rows' first appearance."""
    rows: dict[str, list[Evaluated]] = {}
    for one in evaluated:
        rows.setdefault(one.label, []).append(one)
    return rows


def check_alike(evaluated: Sequence[Evaluated]) -> None:
    """Refuse evaluations of different data, protocols or classes.

    Raises:
        ConfigurationError: they differ, or are not what ``anyseg evaluate`` writes.
    """
    what: dict[str, Callable[[dict[str, Any]], Any]] = {
        "protocol": lambda content: content["protocol"],
        "data": lambda content: content["data"]["hash"],
        "samples": lambda content: content["data"]["samples"],
        "classes": lambda content: list(content["classes"]),
        "subsets": lambda content: list(content["subsets"]),
        "score_at": lambda content: content["size"]["scored_at"],
    }
    first = evaluated[0]
    for one in evaluated:
        for name, read in what.items():
            try:
                same = read(one.content) == read(first.content)
            except (KeyError, TypeError) as error:
                raise unusable(Path(one.source), f"{type(error).__name__}: {error}") from None
            if not same:
                raise ConfigurationError(
                    f"{one.source} and {first.source}, which differ in {name}",
                    "evaluations of one data set, alike in all but the checkpoint",
                    "compare only such files",
                )


def caption(one: Evaluated, metric: str) -> str:
    """Return what a table's figures are, in a sentence."""
    data = one.content["data"]
    absent = "absent classes left out" if metric == "miou_present" else "absent classes count 0"
    return (
        f"mIoU in percent over {len(one.content['classes'])} classes ({absent}); "
        f"{data['name']}, split {data['split']}, {data['samples']} samples"
        f"{', synthetic' if data['synthetic'] else ''}. "
        "Several seeds: mean ± sample standard deviation."
    )


def with_spread(values: Sequence[float]) -> str:
    """Return the mean, and of several values ± their sample standard deviation."""
    mean = f"{statistics.fmean(values):.2f}"
    return f"{mean} ± {statistics.stdev(values):.2f}" if len(values) > 1 else mean


def _model_label(content: dict[str, Any]) -> str:
    checkpoint = content["checkpoint"]
    options = [f"{name}={value}" for name, value in sorted(checkpoint["options"].items())]
    return " ".join([checkpoint["model"], checkpoint["encoder"], *options])


def escaped(text: str) -> str:
    """Return a text that a cell of a markdown table can hold."""
    return text.replace("|", "\\|")


def unusable(path: Path, reason: str) -> ConfigurationError:
    """Return the error about a file that is no evaluation."""
    return ConfigurationError(
        f"{path}: {reason}", "a file that anyseg evaluate --json wrote", "check the path"
    )
