from __future__ import annotations

import hashlib
import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from anyseg_core.classes import DELIVER, ClassSet
from anyseg_core.errors import CheckpointError, ConfigurationError
from anyseg_core.models import load_checkpoint, read_card, save_checkpoint
from anyseg_core.normalisation import Normalisation

CLASSES = ClassSet(DELIVER.names[:5], DELIVER.colours[:5])
FIELDS = {
    "classes": CLASSES,
    "input_size": (64, 96),
    "normalisation": {
        "rgb": Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        "lidar": Normalisation((4.917, 6.149, 0.27), (13.35, 17.64, 1.23)),
    },
    "training_data": "simulated, seed 0",
    "recipe": {"optimizer": "AdamW", "lr": 6e-5, "crop": (64, 96)},
    "scores": {"miou": 0.125},
    "licence": "Apache-2.0",
}


@pytest.fixture
def path(tmp_path, make_model):
    model = make_model("any2seg", modalities=("rgb", "lidar"), iterations=2, head_width=32)
    save_checkpoint(model, tmp_path / "tiny.safetensors", **FIELDS)
    return tmp_path / "tiny.safetensors"


def edit_card(path, change):
    card_path = path.with_suffix(".json")
    card = json.loads(card_path.read_text())
    change(card)
    card_path.write_text(json.dumps(card))


def test_the_card_tells_all_that_was_given(path):
    model, card = load_checkpoint(path)
    assert card.spec == model.spec
    assert card.spec.options == {"iterations": 2, "head_width": 32}
    assert card.spec.modalities == ("rgb", "lidar")
    assert (card.classes, card.input_size) == (CLASSES, (64, 96))
    assert card.normalisation == FIELDS["normalisation"]
    assert card.recipe["lr"] == 6e-5
    assert card.scores == {"miou": 0.125}
    assert (card.training_data, card.licence) == ("simulated, seed 0", "Apache-2.0")
    assert card.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_card(path) == card
    assert sorted(entry.name for entry in path.parent.iterdir()) == [
        "tiny.json",
        "tiny.safetensors",
    ]


def test_saving_twice_gives_the_same_bytes(path, tmp_path):
    model, _ = load_checkpoint(path)
    save_checkpoint(model, tmp_path / "again.safetensors", **FIELDS)
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    assert (tmp_path / "again.json").read_bytes() == path.with_suffix(".json").read_bytes()


def test_a_loaded_model_can_be_trained_on(path, make_images):
    model, _ = load_checkpoint(path)
    output = model.train()(make_images(("rgb", "lidar"), batch=2))
    sum(model.losses(output, torch.zeros(2, 64, 64, dtype=torch.long)).values()).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_missing_files_are_named(path, tmp_path):
    with pytest.raises(CheckpointError, match=r"absent\.json"):
        load_checkpoint(tmp_path / "absent.safetensors")
    path.unlink()
    with pytest.raises(CheckpointError, match=r"no readable .*tiny\.safetensors"):
        load_checkpoint(path)


def test_truncated_weights_are_refused(path):
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="truncated or altered"):
        load_checkpoint(path)


def test_a_flipped_bit_is_refused(path):
    data = bytearray(path.read_bytes())
    data[-1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="truncated or altered"):
        load_checkpoint(path)


def test_bytes_that_are_no_safetensors_are_refused_even_with_the_right_hash(path):
    path.write_bytes(b"not a checkpoint")
    edit_card(path, lambda card: card.update(sha256=hashlib.sha256(path.read_bytes()).hexdigest()))
    with pytest.raises(CheckpointError, match="a safetensors file"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card.update(licence="MIT"),
        lambda card: card["classes"].reverse(),
        lambda card: card["classes"][0].update(colour=[1, 2, 3]),
        lambda card: card["classes"].pop(),
        lambda card: card["normalisation"]["rgb"].update(mean=[0, 0, 0]),
        lambda card: card["recipe"].update(lr=1e-3),
        lambda card: card["scores"].update(miou=0.99),
        lambda card: card["options"].update(iterations=1),
    ],
)
def test_an_edited_card_is_refused(path, change):
    edit_card(path, change)
    with pytest.raises(CheckpointError, match="altered since the weights were written"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card.update(author="me"), r"unknown \['author'\]"),
        (lambda card: card.pop("licence"), r"without \['licence'\]"),
        (lambda card: card.update(format=2), "update anyseg"),
        (lambda card: card.update(classes={}), "a list"),
        (lambda card: card.update(classes=[{"name": "Road"}]), "malformed"),
        (lambda card: card["classes"][0].update(colour=[0, 0, 256]), "0..255"),
        (lambda card: card.update(input_size=[64]), "malformed"),
        (lambda card: card.update(normalisation={"rgb": {"mean": [0, 0], "std": [1, 1]}}), "malf"),
        (lambda card: card["normalisation"]["rgb"].update(std=[1, 0, 1]), "malformed"),
    ],
)
def test_a_malformed_card_is_refused_with_a_reason(path, change, message):
    edit_card(path, change)
    with pytest.raises(CheckpointError, match=message):
        read_card(path)


def test_a_card_that_is_no_json_object_is_refused(path):
    path.with_suffix(".json").write_text("[]")
    with pytest.raises(CheckpointError, match="a JSON object"):
        load_checkpoint(path)
    path.with_suffix(".json").write_text("{")
    with pytest.raises(CheckpointError, match="a model card in JSON"):
        load_checkpoint(path)


def rewrite(path, change):
    """Change the tensors and give the card the new hash, as a forger would."""
    with safe_open(path, "pt") as file:
        weights, metadata = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118  # no mapping
    change(weights)
    save_file(weights, path, metadata)
    edit_card(path, lambda card: card.update(sha256=hashlib.sha256(path.read_bytes()).hexdigest()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.update(extra=torch.zeros(1)), r"unknown \['extra'\]"),
        (lambda weights: weights.pop("head.norm.bias"), r"without \['head.norm.bias'\]"),
        (
            lambda weights: weights.update({"head.classifier.bias": torch.zeros(6)}),
            r"wrong shapes at \['head.classifier.bias'\]",
        ),
    ],
)
def test_weights_that_do_not_fit_the_card_are_refused(path, change, message):
    rewrite(path, change)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": DELIVER}, "5 of each"),
        ({"classes": ClassSet(DELIVER.names[:5], DELIVER.colours[:4])}, "5 of each"),
        ({"normalisation": {"rgb": Normalisation((0, 0, 0), (1, 1, 1))}}, "for each modality"),
        ({"scores": {"miou": float("nan")}}, "finite numbers"),
        ({"recipe": {"seed": object()}}, "JSON values"),
    ],
)
def test_a_card_that_does_not_fit_the_model_is_not_written(path, tmp_path, change, message):
    model, _ = load_checkpoint(path)
    with pytest.raises(ConfigurationError, match=message):
        save_checkpoint(model, tmp_path / "other.safetensors", **(FIELDS | change))
    assert not (tmp_path / "other.safetensors").exists()


def test_a_path_of_another_kind_is_refused(path):
    model, _ = load_checkpoint(path)
    with pytest.raises(ConfigurationError, match=r"ends in \.safetensors"):
        save_checkpoint(model, path.with_suffix(".pt"), **FIELDS)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_weights_that_are_no_finite_numbers_are_not_written(path, tmp_path, value):
    model, _ = load_checkpoint(path)
    model.head.norm.running_var[0] = value
    with pytest.raises(ConfigurationError, match=r"head\.norm\.running_var"):
        save_checkpoint(model, tmp_path / "other.safetensors", **FIELDS)
    assert not (tmp_path / "other.safetensors").exists()


def test_weights_that_are_no_finite_numbers_are_refused(path):
    with safe_open(path, "pt") as file:
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # no mapping
        metadata = file.metadata()
    weights["head.norm.running_var"][0] = float("inf")
    save_file(weights, path, metadata)
    edit_card(path, lambda card: card.update(sha256=hashlib.sha256(path.read_bytes()).hexdigest()))
    with pytest.raises(CheckpointError, match=r"infinite.*head\.norm\.running_var"):
        load_checkpoint(path)
