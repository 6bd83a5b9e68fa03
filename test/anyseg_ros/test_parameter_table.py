from pathlib import Path

from anyseg_ros.parameter_table import parameter_table
from anyseg_ros.parameters import SPECS

DOCUMENT = Path(__file__).parents[2] / "docs" / "node.md"


def test_the_documentation_holds_the_parameters_as_they_are_in_the_code():
    assert parameter_table() in DOCUMENT.read_text(encoding="utf-8"), (
        "put what 'python -m anyseg_ros.parameter_table' prints into docs/node.md"
    )


def test_every_parameter_has_its_row():
    table = parameter_table()
    assert all(f"| `{name}` |" in table for name in SPECS)
