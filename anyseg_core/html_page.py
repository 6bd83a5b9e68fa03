"""HTML reports from the package's own templates; every text from outside is escaped."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from anyseg_core.errors import MissingDependencyError


def require_jinja2() -> None:
    """Check that a report can be made, before an hour is spent on its figures.

    Raises:
        MissingDependencyError: jinja2 is not installed.
    """
    _jinja2()


def render_page(package: str, template: str, **values: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return a template of a package filled in.

    The filter ``figure`` writes a number with one digit, or as many as asked for, and a dash for
    None.

    Args:
        package: as ``anyseg_core.replay``.
        template: the file's name in it.
        values: by name in the template.

    Raises:
        MissingDependencyError: jinja2 is not installed.
    """
    jinja2 = _jinja2()
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["figure"] = _figure
    source = files(package).joinpath(template).read_text(encoding="utf-8")
    page: str = environment.from_string(source).render(**values)
    return page


def _figure(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}"  # noqa: RUF001 - typography of a table


def _jinja2() -> Any:  # noqa: ANN401 - a module that may be absent
    try:
        import jinja2  # noqa: PLC0415 - an optional package
    except ImportError as error:
        raise MissingDependencyError(
            "no package jinja2", "it, for the report", "run: pip install 'anyseg_ros[report]'"
        ) from error
    return jinja2
