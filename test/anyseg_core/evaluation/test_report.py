"""The report: one file, everything in it, nothing from outside unescaped."""

import json
import re

import pytest

from anyseg_core.errors import ConfigurationError
from anyseg_core.evaluation import all_subsets, evaluate, figures, write_report
from anyseg_core.evaluation.pictures import draw_case, telling_samples
from anyseg_core.evaluation.scoring import Scorer
from anyseg_core.types import MODALITIES


@pytest.fixture
def report(plan, erring, tmp_path):
    """Function that writes a report and returns its text."""

    def _report(protocol="miss", name="streets", **changes):
        planned = plan(**changes)
        predictor = erring()
        outcome = evaluate(planned, predictor, lambda _: None)
        scorer = Scorer(planned, predictor)
        chosen = telling_samples(outcome.samples)
        cases = [draw_case(title, one, planned, scorer) for title, one in chosen.items()]
        classes = planned.classes.classes
        described = {
            "checkpoint": {
                "file": "net.safetensors", "trained": True, "model": "charm", "encoder": "mit_b0",
                "options": {"variant": "c"}, "modalities": list(MODALITIES),
                "training_data": "a & b", "recipe": {"seed": 3}, "licence": "L", "sha256": "0" * 64,
            },
            "data": {
                "name": name, "split": "test", "synthetic": True, "samples": 5,
                "samples_in_split": 5, "modalities": list(planned.dataset.modalities),
                "hash": "ff", "map_classes": None,
                "colours": dict(zip(classes.names, classes.colours, strict=True)),
            },
            "size": {"network": "trained", "trained": [16, 12], "scored_at": "labels"},
            "notes": ["a note"], "machine": {"runtime": "made to err"},
        }  # fmt: skip
        found = {**described, **figures(planned, outcome.tally, protocol)}
        path = write_report(tmp_path / "out", found, cases)
        assert json.loads((path.parent / "figures.json").read_text(encoding="utf-8")) == json.loads(
            json.dumps(found)
        )
        return path.read_text(encoding="utf-8")

    return _report


def test_a_report_has_every_subset_the_summary_and_the_pictures(report):
    page = report()
    for word in ("Mean", "Top-1", "Last-1", "synthetic data", "a note", "RDEL", "motionblur"):
        assert word in page
    assert len(re.findall(r"<img ", page)) == 3 * (4 + 1 + 15)
    assert "Neither in truth nor in answers: tree." in page
    assert page.count("<rect ") == 1  # all answers have one confidence


def test_a_report_asks_for_nothing_outside_itself(report):
    page = report()
    assert not re.search(r"https?://", page)
    assert set(re.findall(r'src="([^"]{5})', page)) == {"data:"}
    assert not re.search(r"<(script|link|iframe)", page)
    assert 'name="viewport"' in page


def test_texts_from_outside_are_escaped(report):
    page = report(name="<script>alert(1)</script>")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "a &amp; b" in page


def test_the_sensor_report_has_a_column_per_case_and_their_mean(report):
    page = report("sensor", subsets=all_subsets(MODALITIES)[-1:])
    assert re.search(r"<th>cloud</th>.*<th>lidarjitter</th><th>Mean</th>", page)
    assert "Every subset" not in page


def test_a_report_of_nothing_labelled_still_says_so(report, memory):
    dataset = memory()
    for sample in dataset.samples:
        sample.labels[:] = 255
    page = report(dataset=dataset)
    assert "<img " not in page
    assert ">–<" in page  # noqa: RUF001 - the dash of an empty cell


def test_a_folder_that_cannot_be_written_is_named(tmp_path, report):
    (tmp_path / "out").write_text("a file", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"out: .*--output"):
        report()
