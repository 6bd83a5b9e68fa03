"""The evaluate command from end to end, on a small simulated tree and a small network."""

import builtins
import json
import os
import pickle
from functools import partial

import cv2
import numpy as np
import pytest
import yaml

from anyseg_core.classes import DELIVER
from anyseg_core.cli.main import main
from anyseg_core.data import open_dataset
from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.evaluation import Plan, all_subsets, evaluate_in_processes, same_classes

FOLDERS = {"img": "rgb", "lidar": "lidar", "semantic": "semantic"}
MODALITIES = ("rgb", "lidar")
CASES = [("fog", "MAP_1_point1"), ("sun", "MAP_1_point2_motionblur")]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Six samples of RGB and LiDAR in the simulated layout."""
    root, rng = tmp_path_factory.mktemp("set"), np.random.default_rng(0)
    described = {
        "format": 1, "layout": "deliver", "name": "a little street", "synthetic": True,
        "classes": "deliver", "encodings": {"rgb": {"scale": 1 / 255}, "lidar": {"scale": 0.01}},
    }  # fmt: skip
    (root / "dataset.yaml").write_text(yaml.safe_dump(described), encoding="utf-8")
    for condition, sequence in CASES:
        for number in range(3):
            for folder, tag in FOLDERS.items():
                image = rng.integers(1, 20, (32, 64, 3)).astype(np.uint8)
                if folder == "semantic":
                    image[..., 2] = np.where(rng.random((32, 64)) < 0.9, image[..., 2], 0)
                path = root / folder / condition / "test" / sequence / f"{number}_{tag}_front.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                assert cv2.imwrite(str(path), image)
    return root


@pytest.fixture(scope="module")
def checkpoint(save_network):
    return save_network("mean_fusion", (*MODALITIES, "event"), size=(32, 64), centred=True)


@pytest.fixture
def figures_of(checkpoint, data, tmp_path):
    """Function that evaluates and returns the JSON."""

    def _figures(*words):
        path = tmp_path / "figures.json"
        given = ["evaluate", str(checkpoint), "--data", str(data), "--json", str(path), *words]
        assert main(given) == 0
        return json.loads(path.read_text(encoding="utf-8"))

    return _figures


def test_all_subsets_that_network_and_data_share_are_scored(figures_of):
    found = figures_of("--protocol", "miss", "--workers", "1")
    assert list(found["subsets"]) == ["R", "L", "RL"]
    wanted = {"miou", "miou_present", "f1", "accuracy", "mean", "top1", "last1"}
    assert all(isinstance(found[key], float) for key in wanted)
    assert found["mean"] == pytest.approx(sum(b["miou"] for b in found["subsets"].values()) / 3)
    assert found["data"]["synthetic"] is True
    assert found["data"]["samples"] == 6
    assert found["checkpoint"]["recipe"] == {"seed": 3}
    assert found["machine"]["runtime"].startswith("PyTorch")


def test_two_processes_find_what_one_finds(figures_of):
    words = ("--protocol", "miss", "--modalities", "lidar", "rgb")
    alone, together = (figures_of(*words, "--workers", count) for count in "12")
    assert alone.pop("machine")["workers"] == 1
    assert together.pop("machine")["workers"] == 2
    assert alone == together


def test_the_sensor_protocol_reports_and_draws(figures_of, tmp_path, capsys):
    found = figures_of("--protocol", "sensor", "--workers", "1", "--output", str(tmp_path / "out"))
    assert set(found["conditions"]) == {"fog", "sun"}
    assert set(found["failures"]) == {"motionblur"}
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("<img ") == 3 * (2 + 1 + 1)
    assert "report.html" in capsys.readouterr().out.replace("\n", "")


def test_a_limit_takes_samples_evenly_and_is_said(figures_of):
    found = figures_of("--limit", "2", "--workers", "1", "--size", "native")
    assert found["data"]["samples"] == 2
    assert set(found["conditions"]) == {"fog", "sun"}
    assert any("2 of 6" in note for note in found["notes"])


def test_mapped_classes_are_the_ones_scored(figures_of, tmp_path):
    path = tmp_path / "map.yaml"
    path.write_text("format: 1\nclasses: {Road: [Road, RoadLine], Sky: [Sky]}\n", encoding="utf-8")
    found = figures_of("--map-classes", str(path), "--workers", "1", "--limit", "1")
    assert list(found["classes"]) == ["Road", "Sky"]  # the data's order
    assert "Building" in found["data"]["classes_left_out"]
    assert any("Not scored" in note for note in found["notes"])


def test_json_of_evaluations_becomes_a_table(figures_of, tmp_path, capsys):
    figures_of("--protocol", "miss", "--workers", "1", "--limit", "1")
    source, table = str(tmp_path / "figures.json"), tmp_path / "table.md"
    capsys.readouterr()
    assert main(["evaluate", "--compare", f"one={source}", f"one={source}"]) == 0
    printed = capsys.readouterr().out
    assert "| one | 2 |" in printed
    words = ["evaluate", "--compare", f"one={source}", f"one={source}", "--output", str(table)]
    assert main(words) == 0
    assert table.read_text(encoding="utf-8") == printed
    assert main([*words[:4], "--ablation"]) == 0
    assert "| MSS F1 | Δ |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "neither CHECKPOINT nor files"),
        (["x.safetensors", "--compare", "a.json"], "both CHECKPOINT and --compare"),
        (["x.safetensors"], "no --data"),
        (["x.safetensors", "--data", "none", "--limit", "0"], "--limit 0"),
        (["x.safetensors", "--data", "none", "--workers", "0"], "--workers 0"),
        (["x.safetensors", "--data", "none"], "no readable x.json"),
        (["NET", "--data", "none"], "none: no such folder"),
        (["NET", "--data", "DATA", "--split", "val"], "split 'val'"),
        (["NET", "--data", "DATA", "--modalities", "event"], "modalities event"),
        (["NET", "--data", "DATA", "--map-classes", "none.yaml"], "none.yaml"),
        (["NET", "--data", "DATA", "--json", "no/where.json"], "no/where.json"),
        (["--compare", "none.json"], "none.json"),
        (["NET", "--data", "DATA", "--ablation"], "--ablation without --compare"),
        (
            ["--compare", "a.json", "--ablation", "--metric", "miou"],
            "--metric miou with --ablation",
        ),
    ],
)
def test_bad_input_exits_with_2_and_one_line(words, message, checkpoint, data, capsys):
    places = {"NET": str(checkpoint), "DATA": str(data)}
    assert main(["evaluate", *(places.get(word, word) for word in words)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("size", ["12x12", "ax64", "64"])
def test_a_size_that_cannot_be_is_refused(size, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", "net.safetensors", "--data", "x", "--size", size])
    assert stopped.value.code == 2
    assert "wanted WxH" in capsys.readouterr().err


def test_a_missing_jinja2_is_said_before_anything_is_computed(monkeypatch, capsys, data, tmp_path):
    real = builtins.__import__

    def without_jinja2(name, *rest, **named):
        if name == "jinja2":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without_jinja2)
    words = ["evaluate", "net.safetensors", "--data", str(data), "--output", str(tmp_path)]
    assert main(words) == 2
    assert "pip install 'anyseg_ros[report]'" in capsys.readouterr().err


def test_a_process_that_ends_from_outside_is_told_as_such(data):
    dataset = open_dataset(data, "test", modalities=MODALITIES)
    plan = Plan(dataset, (0, 1), all_subsets(MODALITIES), same_classes(DELIVER, DELIVER))
    with pytest.raises(ConfigurationError, match="fewer --workers"):
        evaluate_in_processes(plan, partial(os._exit, 1), 1, lambda _: None)


def test_errors_come_whole_out_of_a_process():
    error = RecordError("a.png", "an image", "check it")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own bytes
