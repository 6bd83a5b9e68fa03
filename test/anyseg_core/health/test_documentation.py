"""docs/health.md speaks of the detectors that there are."""

from pathlib import Path

from anyseg_core.health import DETECTORS

PAGE = Path(__file__).parents[3] / "docs" / "health.md"


def test_the_page_has_a_row_for_each_detector_with_its_default_action():
    rows = [
        [cell.strip() for cell in line.strip("|\n ").split("|")]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    documented = {row[0].strip("`"): row[5] for row in rows}
    assert documented == {name: str(detector.action) for name, detector in DETECTORS.items()}
    assert all(len(row) == 7 for row in rows)
