"""The parameters as a Markdown table: ``python -m anyseg_ros.parameter_table`` prints it."""

from __future__ import annotations

from anyseg_ros.parameters import SPECS, Spec


def parameter_table() -> str:
    """Return one row per parameter: name, default, range and meaning."""
    rows = ["| parameter | default | range | meaning |", "|---|---|---|---|"]
    rows += [
        f"| `{name}` | `{_default(spec)}` | {_range(spec)} | {spec.description} |"
        for name, spec in SPECS.items()
    ]
    return "\n".join(rows)


def _default(spec: Spec) -> str:
    if isinstance(spec.default, list):
        return f"[{', '.join(map(str, spec.default))}]"
    return str(spec.default).lower() if isinstance(spec.default, bool) else f"{spec.default!r}"


def _range(spec: Spec) -> str:
    return "" if spec.low is None or spec.high is None else f"{spec.low:g} to {spec.high:g}"


if __name__ == "__main__":
    print(parameter_table())  # noqa: T201 - a table for whoever writes the documentation
