"""The table of one model's variants: means over subsets, gains on the first row, refusals."""

import json

import pytest

from anyseg_core.errors import ConfigurationError
from anyseg_core.evaluation import ablation_table, read_evaluated


def content(scores, protocol="miss"):
    """``scores``: mIoU of R, L and both; F1 is ten points higher, accuracy twenty."""
    blocks = {
        name: {"miou": score, "f1": score + 10.0, "mean_accuracy": score + 20.0}
        for name, score in zip(("R", "L", "RL"), scores, strict=True)
    }
    return {
        "protocol": protocol,
        "checkpoint": {"model": "any2seg", "encoder": "mit_b0", "options": {}},
        "data": {
            "hash": "abc", "name": "streets", "split": "test", "samples": 9, "synthetic": True,
        },
        "size": {"scored_at": "labels"},
        "classes": {"road": {}, "sky": {}},
        "subsets": blocks,
    }  # fmt: skip


@pytest.fixture
def read(tmp_path):
    def _read(label, name, scores, **changes):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(content(scores, **changes)), encoding="utf-8")
        return read_evaluated(f"{label}={path}")

    return _read


def test_each_row_has_both_settings_and_its_gains_on_the_first(read, rows):
    table = ablation_table(
        [read("plain", "a", (10.0, 20.0, 30.0)), read("whole", "b", (16.0, 20.0, 36.0))]
    )
    header, _, first, second = rows(table)
    assert header == [
        "variant", "seeds", "MSS mIoU", "Δ", "MSS F1", "Δ", "MSS Acc", "Δ",
        "MISS mIoU", "Δ", "MISS F1", "Δ", "MISS Acc", "Δ",
    ]  # fmt: skip
    assert first == [
        "plain", "1", "30.00", "", "40.00", "", "50.00", "", "20.00", "", "30.00", "", "40.00", "",
    ]  # fmt: skip
    assert second == [
        "whole", "1", "36.00", "+6.00", "46.00", "+6.00", "56.00", "+6.00",
        "24.00", "+4.00", "34.00", "+4.00", "44.00", "+4.00",
    ]  # fmt: skip


def test_seeds_of_one_variant_are_one_row_and_gains_are_of_means(read, rows):
    table = ablation_table(
        [
            read("plain", "a", (0.0, 0.0, 30.0)),
            read("whole", "b", (0.0, 0.0, 29.0)),
            read("whole", "c", (0.0, 0.0, 27.0)),
        ]
    )
    assert rows(table)[3][:4] == ["whole", "2", "28.00 ± 1.41", "-2.00"]
    assert "synthetic" in table


def test_another_protocol_is_refused(read):
    with pytest.raises(ConfigurationError, match="evaluate with --protocol miss"):
        ablation_table([read("plain", "a", (0.0, 0.0, 30.0), protocol="mss")])


def test_a_file_without_the_scores_is_refused_by_name(tmp_path):
    broken = content((0.0, 0.0, 30.0))
    del broken["subsets"]["L"]["f1"]
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(broken), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"broken\.json: KeyError"):
        ablation_table([read_evaluated(str(path))])
