"""The table of several evaluations: means, spreads, the best, and refusals."""

import json
import statistics

import pytest

from anyseg_core.errors import ConfigurationError
from anyseg_core.evaluation import comparison_table, read_evaluated


def content(model="charm", scores=(60.0, 40.0, 70.0), protocol="miss", data="abc"):
    names = ("R", "L", "RL")
    blocks = {
        name: {"miou": score, "miou_present": score + 10.0}
        for name, score in zip(names, scores, strict=True)
    }
    summary = {"mean": statistics.fmean(scores), "top1": max(scores), "last1": min(scores)}
    return {
        "protocol": protocol,
        "checkpoint": {"model": model, "encoder": "mit_b0", "options": {"variant": "c"}},
        "data": {"hash": data, "name": "streets", "split": "test", "samples": 9, "synthetic": True},
        "size": {"scored_at": "labels"},
        "classes": {"road": {}, "sky": {}},
        "subsets": blocks,
        "conditions": {"fog": blocks["R"]},
        "failures": {"motionblur": blocks["L"]},
        **summary,
        **{f"{key}_present": value + 10.0 for key, value in summary.items()},
    }


@pytest.fixture
def write(tmp_path):
    def _write(name, **changes):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(content(**changes)), encoding="utf-8")
        return str(path)

    return _write


def test_a_row_per_model_and_a_column_per_subset_with_the_best_bold(write, rows):
    files = [write("a"), write("b", model="any2seg", scores=(50.0, 45.0, 70.0))]
    header, _, first, second = rows(comparison_table([read_evaluated(f) for f in files]))
    assert header == ["model", "seeds", "R", "L", "RL", "Mean", "Top-1", "Last-1"]
    assert first == [
        "charm mit_b0 variant=c", "1", "**60.00**", "40.00", "**70.00**", "**56.67**",
        "**70.00**", "40.00",
    ]  # fmt: skip
    assert second[0] == "any2seg mit_b0 variant=c"
    assert second[2:4] == ["50.00", "**45.00**"]


def test_seeds_of_one_model_are_one_row_with_their_sample_deviation(write, rows):
    files = [write("a"), write("b", scores=(64.0, 40.0, 72.0))]
    (row,) = rows(comparison_table([read_evaluated(f) for f in files]))[2:]
    assert row[1:5] == ["2", "62.00 ± 2.83", "40.00 ± 0.00", "71.00 ± 1.41"]
    assert row[6] == "71.00 ± 1.41"


def test_a_label_names_the_row_and_joins_files(write):
    files = [f"A | B={write('a')}", f"A | B={write('b', model='any2seg')}", f"C={write('c')}"]
    found = [read_evaluated(f) for f in files]
    assert [one.label for one in found] == ["A | B", "A | B", "C"]
    assert "| A \\| B | 2 |" in comparison_table(found)


def test_the_other_mean_leaves_absent_classes_out(write, rows):
    table = comparison_table([read_evaluated(write("a"))], "miou_present")
    assert rows(table)[2][2:] == ["70.00", "50.00", "80.00", "66.67", "80.00", "50.00"]
    assert "absent classes left out" in table
    assert "streets, split test, 9 samples, synthetic" in table


def test_sensor_tables_have_conditions_and_failure_cases_for_columns(write, rows):
    table = comparison_table([read_evaluated(write("a", protocol="sensor"))])
    assert rows(table)[0][2:] == ["fog", "motionblur", "Mean", "Top-1", "Last-1"]


@pytest.mark.parametrize(
    ("changes", "message"), [({"data": "xyz"}, "data"), ({"protocol": "mss"}, "protocol")]
)
def test_evaluations_that_cannot_be_compared_are_refused(write, changes, message):
    files = [write("a"), write("b", **changes)]
    with pytest.raises(
        ConfigurationError, match=rf"b\.json and .*a\.json, which differ in {message}"
    ):
        comparison_table([read_evaluated(f) for f in files])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"checkpoint": {}}', "\x00"])
def test_a_file_that_evaluate_did_not_write_is_refused(tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"other\.json"):
        read_evaluated(str(path))


def test_a_file_without_its_scores_and_one_that_is_not_there_are_refused(tmp_path):
    path = tmp_path / "part.json"
    part = content()
    del part["subsets"]["R"]["miou"]
    path.write_text(json.dumps(part), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"part\.json.*miou"):
        comparison_table([read_evaluated(str(path))])
    with pytest.raises(ConfigurationError, match="No such file"):
        read_evaluated(str(tmp_path / "none.json"))
