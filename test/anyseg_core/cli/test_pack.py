"""The pack command on a small network."""

import json

import pytest
import torch
from safetensors import safe_open

from anyseg_core.cli.main import main
from anyseg_core.models import load_checkpoint, save_checkpoint

FIELDS = (
    "classes", "input_size", "normalisation", "training_data", "recipe", "scores", "licence",
)  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint(save_network):
    return save_network("mean_fusion", ("rgb", "lidar"))


def test_half_the_size_loads_as_float32_with_the_same_masks(checkpoint, tmp_path, capsys):
    packed = tmp_path / "new" / "small.safetensors"
    assert main(["pack", str(checkpoint), "--output", str(packed), "--half"]) == 0
    assert f"written: {packed}" in capsys.readouterr().out
    assert packed.stat().st_size < 0.51 * checkpoint.stat().st_size
    with safe_open(packed, "pt") as file:
        kinds = {key: file.get_tensor(key).dtype for key in file.keys()}  # noqa: SIM118  # no mapping
    (whole, _), (small, card) = load_checkpoint(checkpoint), load_checkpoint(packed)
    assert {kinds[name] for name, _ in small.named_parameters()} == {torch.float16}
    assert {p.dtype for p in small.parameters()} == {torch.float32}
    assert card.scores == {"val_miou_full": 0.25}
    torch.manual_seed(1)
    inputs = {"rgb": torch.randn(1, 3, 64, 64), "lidar": torch.randn(1, 3, 64, 64)}
    with torch.no_grad():
        labels, expected = small(inputs).logits.argmax(1), whole(inputs).logits.argmax(1)
    assert (labels == expected).float().mean() > 0.98


def test_statistics_beyond_the_reach_of_float16_are_kept(checkpoint, tmp_path):
    model, card = load_checkpoint(checkpoint)
    model.head.norm.running_var.fill_(80_000.0)
    fields = {field: getattr(card, field) for field in FIELDS}
    save_checkpoint(model, tmp_path / "large.safetensors", **fields)
    packed = tmp_path / "small.safetensors"
    words = ["pack", str(tmp_path / "large.safetensors"), "--output", str(packed), "--half"]
    assert main(words) == 0
    small, _ = load_checkpoint(packed)
    assert (small.head.norm.running_var == 80_000.0).all()


def test_the_figures_of_an_evaluation_go_into_the_card(checkpoint, tmp_path):
    scores = tmp_path / "scores.json"
    figures = {"miou": 61.5, "mean": 55.0, "last1": None, "protocol": "miss"}
    scores.write_text(json.dumps(figures))
    packed = tmp_path / "small.safetensors"
    words = ["pack", str(checkpoint), "--output", str(packed), "--scores", f"test={scores}"]
    assert main(words) == 0
    _, card = load_checkpoint(packed)
    assert card.scores == {"val_miou_full": 0.25, "test_miou": 61.5, "test_mean": 55.0}


def test_scores_without_a_label_are_refused(checkpoint, tmp_path, capsys):
    words = ["pack", str(checkpoint), "--output", str(tmp_path / "a.safetensors")]
    assert main([*words, "--scores", "scores.json"]) == 2
    assert "LABEL=FILE" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_written_is_told(checkpoint, tmp_path, capsys):
    (tmp_path / "file").touch()
    words = ["pack", str(checkpoint), "--output", str(tmp_path / "file" / "a.safetensors")]
    assert main(words) == 2
    assert "choose another path" in capsys.readouterr().err
