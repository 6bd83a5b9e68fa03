"""The command: its JSON, its report, its exit codes."""

import json
import sys

import pytest

from anyseg_core.cli.main import main
from anyseg_core.replay import fault_case
from anyseg_core.replay.run import CaseResult
from anyseg_core.replay.summary import replay_figures
from anyseg_core.simulation.faults import parse_fault


def test_unknown_bags_and_faults_exit_with_2_and_one_line(tmp_path, capsys):
    assert main(["replay", str(tmp_path / "none")]) == 2
    error = capsys.readouterr().err
    assert "does not exist" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("word", ["--size=axb", "--topic=rgb"])
def test_malformed_options_are_named(tmp_path, capsys, word):
    (tmp_path / "x.mcap").write_text("")
    assert main(["replay", str(tmp_path / "x.mcap"), word]) == 2
    assert capsys.readouterr().err.startswith("anyseg: ")


def test_the_names_that_others_rely_on_are_in_the_json():
    case = fault_case(("rgb",), [parse_fault("rgb:freeze@1-2")])
    figures = replay_figures([CaseResult(case, [], "0" * 64)], case.name, 25, 10, [])
    assert {"masks_sha256", "miou", "availability", "faults"} <= set(figures)
    assert {"detection_delay_ms", "recovery_ms"} <= set(figures["faults"][0])
    assert figures["miou"] is None
    json.dumps(figures, allow_nan=False)


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "1000"])
def test_a_rate_that_is_none_is_refused_in_one_line(tmp_path, capsys, rate):
    assert main(["replay", str(tmp_path), "--live", f"--rate={rate}"]) == 2
    error = capsys.readouterr().err
    assert "--rate" in error
    assert error.count("\n") == 1


def test_a_live_replay_without_ros_says_what_is_missing_before_anything_else(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "anyseg_ros.live_replay", None)
    assert main(["replay", str(tmp_path / "none"), "--live"]) == 2
    assert "source your ROS installation" in capsys.readouterr().err
