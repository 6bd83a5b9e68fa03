"""The weights that a recipe's network starts from."""

import pytest
import torch

from anyseg_core.classes import DELIVER
from anyseg_core.errors import ConfigurationError
from anyseg_core.models import load_checkpoint
from anyseg_core.train import network
from anyseg_core.train.network import build_network
from anyseg_core.train.recipe_parts import ModelRecipe
from anyseg_core.weights import SHIPPED_CHECKPOINT

MODALITIES = ("rgb", "depth")


@pytest.fixture(scope="module")
def checkpoint(save_network):
    return str(save_network("charm", MODALITIES))


def _build(name="charm", encoder="mit_b0", modalities=MODALITIES, **how):
    recipe = ModelRecipe(name=name, encoder=encoder, **how)
    return build_network(recipe, len(DELIVER), modalities, seed=5)


def _same(first, second):
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(*pair) for pair in pairs)


def test_fresh_weights_follow_from_the_seed():
    assert _same(_build(), _build())


def test_a_checkpoint_of_the_same_network_is_taken_whole(checkpoint):
    model = _build(checkpoint=checkpoint)
    assert model.training
    assert _same(model, load_checkpoint(checkpoint)[0])


def test_another_model_takes_a_checkpoints_encoder_and_keeps_its_own_fresh_rest(checkpoint):
    model, fresh = _build("any2seg", encoder_checkpoint=checkpoint), _build("any2seg")
    assert _same(model.encoder, load_checkpoint(checkpoint)[0].encoder)
    assert _same(model.head, fresh.head)
    assert not _same(model.encoder, fresh.encoder)


def test_other_modalities_and_classes_do_not_matter_to_an_encoder(checkpoint):
    model = _build("segformer", modalities=("rgb",), encoder_checkpoint=checkpoint)
    assert _same(model.encoder, load_checkpoint(checkpoint)[0].encoder)


def test_default_is_the_packages_own_checkpoint():
    model = _build("any2seg", encoder_checkpoint="default")
    assert _same(model.encoder, load_checkpoint(SHIPPED_CHECKPOINT)[0].encoder)


def test_a_build_without_weights_of_its_own_says_so(monkeypatch):
    monkeypatch.setattr(network, "shipped_checkpoint", lambda: None)
    with pytest.raises(ConfigurationError, match="give a file's path"):
        _build(checkpoint="default")


def test_an_encoder_of_another_size_is_refused(checkpoint):
    with pytest.raises(ConfigurationError, match="with the encoder mit_b0"):
        _build(encoder="mit_b1", encoder_checkpoint=checkpoint)


def test_a_checkpoint_of_another_network_is_refused(checkpoint):
    with pytest.raises(ConfigurationError, match=r"model\.checkpoint of .*charm"):
        _build("any2seg", checkpoint=checkpoint)


def test_mit_weights_are_refused_for_other_encoders(tmp_path):
    with pytest.raises(ConfigurationError, match="a MiT encoder"):
        _build(encoder="swin_t", encoder_weights=str(tmp_path / "mit.safetensors"))


def test_two_starts_are_refused():
    with pytest.raises(
        ConfigurationError, match="encoder_weights and checkpoint; wanted at most one"
    ):
        ModelRecipe(name="charm", encoder_weights="a", checkpoint="b")
