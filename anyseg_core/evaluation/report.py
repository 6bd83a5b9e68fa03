"""The report of an evaluation: one HTML file that needs nothing beside it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from anyseg_core.errors import ConfigurationError
from anyseg_core.html_page import render_page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from anyseg_core.evaluation.pictures import Case

REPORT = "report.html"
FIGURES = "figures.json"


def write_report(folder: Path, figures: Mapping[str, Any], cases: Sequence[Case]) -> Path:
    """Write ``report.html`` and ``figures.json``; return the report's path.

    Args:
        folder: made if it is not there.
        figures: what ``anyseg evaluate --json`` writes.
        cases: samples to show.

    Raises:
        MissingDependencyError: jinja2 is not installed.
        ConfigurationError: the folder cannot be written.
    """
    page = render_page("anyseg_core.evaluation", "report.html.j2", f=figures, cases=cases)
    text = json.dumps(figures, indent=2, allow_nan=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / REPORT).write_text(page, encoding="utf-8")
        (folder / FIGURES).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{folder}: {error.strerror}", "a folder that can be written", "choose another --output"
        ) from None
    return folder / REPORT
