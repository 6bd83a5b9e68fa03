"""``anyseg export --precision int8``."""

from dataclasses import dataclass

import numpy as np
import pytest

from anyseg_core.classes import ClassSet
from anyseg_core.cli import export_int8
from anyseg_core.cli.main import main
from anyseg_core.data import Sample

for package in ("onnx", "onnxruntime", "openvino"):
    pytest.importorskip(package)

NAMES = ("rgb", "lidar")
CLASSES = ClassSet(("road", "car", "sky"), ((0, 0, 0),) * 3)


@dataclass
class Noise:
    """Three samples of noise, labelled at random."""

    split: str
    modalities: tuple = NAMES
    classes: ClassSet = CLASSES

    def __len__(self):
        return 3

    def __getitem__(self, index):
        random = np.random.default_rng(index)
        images = 100 * random.random((2, 3, 64, 64), np.float32)
        labels = random.integers(0, 3, (64, 64)).astype(np.uint8)
        return Sample(str(index), dict(zip(NAMES, images, strict=True)), labels)


@pytest.fixture(scope="module")
def checkpoint(save_network):
    path = save_network("any2seg", NAMES, classes=CLASSES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(path.parent))
        yield path


@pytest.fixture
def export(checkpoint, monkeypatch, tmp_path):
    """Function that runs the command; the data set is noise."""
    monkeypatch.setattr(export_int8, "open_dataset", lambda _, split: Noise(split))
    return lambda *words: main(["export", str(checkpoint), "--output", str(tmp_path), *words])


def test_an_int8_export_reports_its_scores_and_says_what_it_is(export, tmp_path, capsys):
    words = ["--precision", "int8", "--calibrate", "somewhere", "--samples", "2"]
    assert export("--format", "openvino", *words) == 0
    assert "mIoU on 3 samples: float32" in capsys.readouterr().out
    assert '"precision": "int8"' in (tmp_path / "export.json").read_text()


def test_a_loss_that_is_too_large_is_refused(export, monkeypatch, capsys):
    monkeypatch.setattr(export_int8, "LARGEST_LOSS", -100.0)
    assert export("--precision", "int8", "--calibrate", "somewhere", "--samples", "1") != 0
    assert "points of mIoU lost" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--precision", "int8"],
        ["--calibrate", "somewhere"],
        ["--precision", "int8", "--calibrate", "somewhere", "--format", "tensorrt"],
    ],
)
def test_options_that_do_not_go_together_are_refused(export, capsys, words):
    assert export(*words) == 2
    assert "--calibrate ROOT with --precision int8" in capsys.readouterr().err
