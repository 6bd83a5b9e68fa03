from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from anyseg_core.distillation import (
    read_teacher_embeddings,
    seeded_teacher,
    write_teacher_embeddings,
)
from anyseg_core.errors import CheckpointError, ConfigurationError

CLASSES = ("Building", "Road", "Sky")
MODALITIES = ("rgb", "lidar")
SAMPLES = ("a/0001", "a/0002", "b/0001")


@pytest.fixture
def teacher():
    return seeded_teacher(CLASSES, MODALITIES, SAMPLES, dimension=8, seed=3)


@pytest.fixture
def path(tmp_path, teacher):
    write_teacher_embeddings(tmp_path / "teacher.safetensors", teacher)
    return tmp_path / "teacher.safetensors"


def test_a_file_gives_back_what_was_written(path, teacher):
    read = read_teacher_embeddings(path)
    for name in ("teacher", "version", "class_names", "prompts", "modalities", "sample_ids"):
        assert getattr(read, name) == getattr(teacher, name)
    for name in ("class_text", "scene_text", "visual"):
        assert torch.equal(getattr(read, name), getattr(teacher, name))
    assert [entry.name for entry in path.parent.iterdir()] == ["teacher.safetensors"]


def test_a_batch_holds_the_rows_of_the_samples_asked_for(teacher):
    batch = teacher.batch(("b/0001", "a/0001"))
    assert torch.equal(batch.scene_text, teacher.scene_text[[2, 0]])
    assert torch.equal(batch.visual["lidar"], teacher.visual[[2, 0], 1])
    assert torch.equal(batch.class_text, teacher.class_text)


def test_a_seeded_teacher_depends_on_seed_and_names_alone(teacher):
    shuffled = seeded_teacher(CLASSES[::-1], MODALITIES[::-1], SAMPLES[::-1], dimension=8, seed=3)
    assert torch.equal(shuffled.class_text.flip(0), teacher.class_text)
    assert torch.equal(shuffled.visual.flip(0, 1), teacher.visual)
    other = seeded_teacher(CLASSES, MODALITIES, SAMPLES, dimension=8, seed=4)
    assert not torch.allclose(other.class_text, teacher.class_text)


def test_training_on_other_classes_modalities_or_samples_is_refused(teacher):
    teacher.require(CLASSES, MODALITIES, SAMPLES)
    with pytest.raises(ConfigurationError, match="in this order"):
        teacher.require(("Road", "Building", "Sky"))
    with pytest.raises(ConfigurationError, match=r"without the modality 'event' \(1 missing\)"):
        teacher.require(CLASSES, ("rgb", "event"))
    with pytest.raises(ConfigurationError, match=r"without the sample 'c/1' \(2 missing\)"):
        teacher.require(CLASSES, MODALITIES, ("c/1", "c/2", "a/0001"))
    with pytest.raises(ConfigurationError, match="without the sample 'c/1'"):
        teacher.batch(("a/0001", "c/1"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_names": ("Road", "Road", "Sky")}, "each once"),
        ({"sample_ids": SAMPLES[:2]}, "scene_text of shape"),
        ({"modalities": ("rgb",)}, "visual of shape"),
        ({"class_text": torch.ones(2, 8)}, "class_text of shape"),
        ({"scene_text": torch.full((3, 8), float("nan"))}, "not finite, or zero"),
        ({"class_text": torch.zeros(3, 8)}, "not finite, or zero"),
        ({"prompts": ("a road",)}, "one a class"),
    ],
)
def test_embeddings_that_do_not_fit_together_are_refused(teacher, change, message):
    with pytest.raises(ConfigurationError, match=message):
        replace(teacher, **change)


def rewrite(path, change_tensors, change_names):
    with safe_open(path, "pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # no mapping
        names = json.loads(file.metadata()["teacher"])
    change_tensors(tensors)
    change_names(names)
    save_file(tensors, path, {"teacher": json.dumps(names)})


@pytest.mark.parametrize(
    ("tensors", "names", "message"),
    [
        (lambda t: t["visual"].mul_(2.0), None, "SHA-256"),
        (None, lambda n: n["class_names"].reverse(), "SHA-256"),
        (None, lambda n: n.update(version="other"), "SHA-256"),
        (None, lambda n: n.update(format=2), "update anyseg"),
        (None, lambda n: n.pop("prompts"), "fields"),
        (lambda t: t.pop("scene_text"), None, "tensors"),
        (lambda t: t.update(extra=torch.zeros(1)), None, "tensors"),
    ],
)
def test_an_altered_file_is_refused(path, tensors, names, message):
    rewrite(path, tensors or (lambda _: None), names or (lambda _: None))
    with pytest.raises(CheckpointError, match=message):
        read_teacher_embeddings(path)


def test_files_of_another_kind_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="a file of teacher embeddings"):
        read_teacher_embeddings(tmp_path / "absent.safetensors")
    (tmp_path / "text.safetensors").write_text("no tensors")
    with pytest.raises(CheckpointError, match="a file of teacher embeddings"):
        read_teacher_embeddings(tmp_path / "text.safetensors")
    save_file({"w": torch.zeros(1)}, tmp_path / "weights.safetensors")
    with pytest.raises(CheckpointError, match="tensors"):
        read_teacher_embeddings(tmp_path / "weights.safetensors")
