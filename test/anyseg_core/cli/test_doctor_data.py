"""``anyseg doctor --data`` finds what would end a night of training."""

import json

import cv2
import numpy as np
import pytest
import yaml

from anyseg_core.cli.doctor import data as doctor_data
from anyseg_core.cli.main import main

DOCUMENT = {
    "format": 1,
    "layout": "folders",
    "name": "Yard",
    "classes": [
        {"name": "ground", "colour": [0, 0, 0]},
        {"name": "wall", "colour": [9, 9, 9]},
        {"name": "sky", "colour": [5, 5, 5]},
    ],
    "modalities": {"rgb": {"folder": "{split}/rgb", "suffix": ".png", "scale": 1}},
    "labels": {"folder": "{split}/gt", "suffix": ".png"},
    "splits": {"train": "train", "val": "val"},
}


@pytest.fixture
def root(tmp_path):
    """Two splits of four samples each, all good."""
    folder = tmp_path / "yard"
    for split in ("train", "val"):
        for kind in ("rgb", "gt"):
            (folder / split / kind).mkdir(parents=True)
            for number in range(4):
                image = np.full((6, 8, 3) if kind == "rgb" else (6, 8), number % 2, np.uint8)
                cv2.imwrite(str(folder / split / kind / f"{number}.png"), image)
    (folder / "dataset.yaml").write_text(yaml.safe_dump(DOCUMENT))
    return folder


def examine(root, *words):
    return main(["doctor", "--data", str(root), *map(str, words)])


def test_a_good_set_ends_with_0_and_its_counts(root, tmp_path, capsys):
    assert examine(root, "--json", tmp_path / "found.json") == 0
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["bad_files"] == 0
    assert found["modalities"] == ["rgb"]
    train = found["splits"]["train"]
    assert (train["samples"], train["sizes"]) == (4, {"8 x 6": 4})
    assert train["class_pixels"] == {"ground": 96, "wall": 96, "sky": 0}
    assert train["absent_classes"] == ["sky"]
    said = capsys.readouterr()
    assert "classes that never occur: sky" in said.out
    assert "every file of train, val can be used" in said.out
    assert said.err == ""


def test_bad_files_end_with_2_one_line_and_their_paths(root, tmp_path, capsys):
    (root / "train/rgb/2.png").write_bytes(b"\x89PNG\r\n\x1a\nnonsense")
    (root / "val/gt/1.png").unlink()
    cv2.imwrite(str(root / "val/gt/3.png"), np.full((6, 8), 77, np.uint8))
    assert examine(root, "--json", tmp_path / "found.json") == 2
    said = capsys.readouterr()
    assert said.err.splitlines()[-1] == f"anyseg: 3 bad or missing files in {root}"
    for name in ("train/rgb/2.png", "val/gt/1.png", "val/gt/3.png"):
        assert f"bad: {root / name}: " in said.out
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["bad_files"] == 3
    reasons = {file["path"]: file["reason"] for file in found["splits"]["val"]["bad_files"]}
    assert "77" in reasons[str(root / "val/gt/3.png")]


def test_only_the_splits_that_are_named_are_read(root, capsys):
    (root / "train/rgb/2.png").write_bytes(b"")
    assert examine(root, "--split", "val") == 0
    assert "train" not in capsys.readouterr().out


def test_several_processes_find_the_same(root, tmp_path, monkeypatch):
    (root / "train/rgb/2.png").write_bytes(b"")
    monkeypatch.setattr(doctor_data, "WORTH_PROCESSES", 1)
    found = []
    for workers in (1, 2):
        path = tmp_path / f"{workers}.json"
        assert examine(root, "--workers", workers, "--json", path) == 2
        found.append(path.read_text())
    assert found[0] == found[1]


def test_many_bad_files_are_cut_short_on_the_screen(root, monkeypatch, capsys):
    monkeypatch.setattr(doctor_data, "SHOWN_FILES", 2)
    for number in range(4):
        (root / f"val/rgb/{number}.png").write_bytes(b"")
    assert examine(root) == 2
    assert "and 2 more" in capsys.readouterr().out


def test_a_description_may_lie_elsewhere(root, tmp_path):
    path = tmp_path / "yard.yaml"
    (root / "dataset.yaml").rename(path)
    assert examine(root) == 2
    assert examine(root, "--layout", path) == 0


@pytest.mark.parametrize(
    "words",
    [["--split", "night"], ["--modalities", "rgb,radar"], ["--workers", "0"],
     ["--layout", "kitty"], ["--json", "/no/such/folder/a.json"]],
)  # fmt: skip
def test_options_that_do_not_fit_end_with_2_and_one_line(root, words, capsys):
    assert examine(root, *words) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_folder_that_is_not_there_ends_with_2(tmp_path, capsys):
    assert examine(tmp_path / "nothing") == 2
    assert "no such folder" in capsys.readouterr().err


def test_one_examination_is_needed_and_only_one(root, capsys):
    for words in (["doctor"], ["doctor", "--data", str(root), "--overlay", "a.png"]):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 2
    assert main(["doctor", "--overlay", "a.png"]) == 2
    assert "--image, --points, --calibration" in capsys.readouterr().err
