"""What runtimes are held against each other on."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from anyseg_core.models import read_card
from anyseg_core.normalisation import DEFAULT_NORMALISATION
from anyseg_core.runtime.load import default_network
from anyseg_core.runtime.probe import make_probe, street_probe
from anyseg_core.types import MODALITIES


@pytest.fixture(scope="module")
def card(checkpoint):
    return read_card(checkpoint)


def test_the_street_shows_every_sensor_in_its_own_units(card):
    tensors = street_probe(card, 256, 256).tensors
    assert set(tensors) == set(MODALITIES)
    raw = {
        name: tensor * np.array(DEFAULT_NORMALISATION[name].std)[:, None, None]
        + np.array(DEFAULT_NORMALISATION[name].mean)[:, None, None]
        for name, tensor in tensors.items()
    }
    assert raw["rgb"].min() > -0.01
    assert raw["rgb"].max() < 1.01
    assert 20.0 < raw["depth"].max() < 100.0
    assert 20.0 < raw["lidar"][0].max() < 130.0
    assert raw["event"][:2].max() >= 2.0
    measured = (tensors["lidar"] != 0.0).any(axis=0)
    assert 0.02 < measured.mean() < 0.9  # beams leave gaps


def test_the_network_is_sure_of_the_street():
    model, card = default_network()
    tensors = street_probe(card, 256, 256).tensors
    with torch.no_grad():
        logits = model({n: torch.from_numpy(t[None]) for n, t in tensors.items()}).logits
    assert logits.softmax(1).max(1).values.mean() > 0.85


@pytest.mark.parametrize(("width", "height"), [(96, 64), (512, 288)])
def test_the_street_is_stretched_to_the_size_asked_for(card, width, height):
    whole = street_probe(card, 256, 256).tensors
    tensors = street_probe(card, width, height).tensors
    for name, tensor in tensors.items():
        assert tensor.shape == (3, height, width)
        assert tensor.dtype == np.float32
        assert set(np.unique(tensor)) <= set(np.unique(whole[name]))  # nothing is mixed
        assert tensor[:, 0, 0].tolist() == whole[name][:, 0, 0].tolist()
        last = (height - 1) * 256 // height, (width - 1) * 256 // width
        assert tensor[:, -1, -1].tolist() == whole[name][:, last[0], last[1]].tolist()


def test_a_modality_that_the_street_has_not_gets_patches(card):
    names = ("rgb", "thermal")
    spec = replace(card.spec, modalities=names)
    statistics = {"rgb": card.normalisation["rgb"], "thermal": card.normalisation["rgb"]}
    probe = street_probe(replace(card, spec=spec, normalisation=statistics), 96, 64)
    patches = make_probe(names, 96, 64).tensors
    assert np.array_equal(probe.tensors["thermal"], patches["thermal"])
    assert not np.array_equal(probe.tensors["rgb"], patches["rgb"])
    assert probe.readings.keys() == probe.tensors.keys()
