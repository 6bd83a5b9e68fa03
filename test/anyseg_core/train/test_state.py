import json
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from anyseg_core.errors import CheckpointError
from anyseg_core.train.optimiser import build_optimiser
from anyseg_core.train.recipe_parts import OptimiserRecipe
from anyseg_core.train.state import Progress, read_progress, read_tensors, write_state


def _pair(seed, width=3):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width))
    return model, build_optimiser(model, OptimiserRecipe(lr=0.1))


def _step(model, optimiser):
    model(torch.arange(8.0).view(4, 2)).square().sum().backward()
    optimiser.step()
    optimiser.zero_grad()


def test_a_state_read_back_goes_on_to_the_same_weights(tmp_path):
    model, optimiser = _pair(0)
    _step(model, optimiser)
    progress = Progress(update=1, best=0.5, recipe={"seed": 3}, data_hash="ab")
    write_state(tmp_path / "state.safetensors", model, optimiser, progress)
    other, its_optimiser = _pair(1)
    read_tensors(tmp_path / "state.safetensors", other, its_optimiser)
    for pair in ((model, optimiser), (other, its_optimiser)):
        _step(*pair)
        _step(*pair)
    assert read_progress(tmp_path / "state.safetensors") == progress
    for key, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[key])


def test_a_write_that_dies_half_way_leaves_the_old_state(tmp_path, monkeypatch):
    path = tmp_path / "state.safetensors"
    model, optimiser = _pair(0)
    write_state(path, model, optimiser, Progress(update=1))

    def dies(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("anyseg_core.train.state.os.fsync", dies)
    with pytest.raises(KeyboardInterrupt):
        write_state(path, model, optimiser, Progress(update=2))
    assert read_progress(path).update == 1


def test_a_damaged_or_foreign_file_is_refused(tmp_path):
    path = tmp_path / "state.safetensors"
    for content in (b"", b"\x00" * 100, pickle.dumps({"update": 1})):
        path.write_bytes(content)
        with pytest.raises(CheckpointError):
            read_progress(path)
    for text in (json.dumps({"format": 9}), json.dumps({"format": 1, "update": "x"}), "[]", "no"):
        save_file({"a": torch.zeros(1)}, path, {"progress": text})
        with pytest.raises(CheckpointError):
            read_progress(path)


def test_a_state_of_another_network_is_refused(tmp_path):
    path = tmp_path / "state.safetensors"
    write_state(path, *_pair(0), Progress())
    with pytest.raises(CheckpointError, match=r"Error\(s\) in loading state_dict"):
        read_tensors(path, *_pair(0, width=4))
    assert all(key.startswith(("model/", "optimiser/")) for key in load_file(path))
