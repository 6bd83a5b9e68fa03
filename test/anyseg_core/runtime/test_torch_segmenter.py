import json

import numpy as np
import pytest
import torch
from torch.nn import functional

from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.runtime import load_segmenter
from anyseg_core.runtime.load import load_network
from anyseg_core.runtime.torch_segmenter import (
    TorchOptions,
    TorchSegmenter,
    select_device,
    usable_precisions,
)
from anyseg_core.types import MODALITIES
from anyseg_core.weights import shipped_checkpoint

RNG = np.random.default_rng(0)
TENSORS = {
    name: RNG.normal(size=(3, 64, 96)).astype(np.float32)
    for name in ("rgb", "depth", "event", "lidar")
}


@pytest.fixture(scope="module")
def segmenter():
    return load_segmenter(backend="torch", device="cpu")


def test_labels_and_confidence_are_the_models_argmax_and_softmax(segmenter):
    prediction = segmenter.segment(TENSORS)
    model = segmenter._model
    with torch.inference_mode():
        logits = model({name: torch.from_numpy(t)[None] for name, t in TENSORS.items()}).logits
    probability = functional.softmax(logits[0].double(), dim=0).numpy()
    assert (prediction.labels == probability.argmax(axis=0)).mean() > 0.999
    assert np.abs(prediction.confidence - 255 * probability.max(axis=0)).max() <= 1


def test_without_weights_the_network_is_the_same_every_time_and_says_that_it_is_untrained(
    monkeypatch,
):
    monkeypatch.setattr("anyseg_core.runtime.load.shipped_checkpoint", lambda: None)
    first, second = (load_segmenter(backend="torch", device="cpu") for _ in range(2))
    assert not first.trained
    assert np.array_equal(first.segment(TENSORS).labels, second.segment(TENSORS).labels)


def test_the_weights_that_come_along_are_trained_and_name_their_data_and_licence(segmenter):
    assert segmenter.trained
    assert segmenter.card.spec.modalities == MODALITIES
    assert "simulated" in segmenter.card.training_data
    assert segmenter.card.licence == "Apache-2.0"
    assert '"/' not in json.dumps(segmenter.card.to_json())  # no path of whoever trained them


def test_loading_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    load_segmenter(backend="torch", device="cpu")
    assert torch.equal(torch.rand(1), expected)


def test_weights_are_told_for_each_modality_that_was_given(segmenter):
    assert set(segmenter.segment({"lidar": TENSORS["lidar"]}).weights) == {"lidar"}
    assert set(segmenter.segment(TENSORS).weights) == set(TENSORS)


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"sonar": TENSORS["rgb"]},
        {"rgb": TENSORS["rgb"], "depth": TENSORS["depth"][:, :32]},
    ],
    ids=["nothing", "an unknown modality", "different sizes"],
)
def test_inputs_that_do_not_go_together_are_refused(segmenter, tensors):
    with pytest.raises(RecordError, match="one or more of rgb, depth, event, lidar"):
        segmenter.segment(tensors)


@pytest.mark.parametrize("device", ["quantum", "mps", "cuda:99"])
def test_a_device_that_is_not_here_is_refused(device):
    if device.startswith("cuda") and torch.cuda.is_available():
        pytest.skip("CUDA is here")
    with pytest.raises(ConfigurationError, match=device):
        select_device(device)


def test_half_precision_and_channels_last_give_nearly_the_same(segmenter):
    card, trained = segmenter.card, segmenter.trained
    wanted = segmenter.segment(TENSORS)
    checkpoint = shipped_checkpoint()
    for options in (TorchOptions(channels_last=True), TorchOptions(precision="bfloat16")):
        if options.precision not in usable_precisions(torch.device("cpu")):
            continue
        model, _ = load_network(checkpoint)
        other = TorchSegmenter(model, card, device="cpu", trained=trained, options=options)
        assert options.precision in other.description
        got = other.segment(TENSORS)
        least = 0.999 if options.channels_last else 0.9
        assert (got.labels == wanted.labels).mean() >= least
        assert got.weights == pytest.approx(wanted.weights, abs=0.02)


def test_a_precision_that_is_not_here_is_refused():
    with pytest.raises(ConfigurationError, match="precision 'float16' with the backend torch"):
        load_segmenter(backend="torch", device="cpu", precision="float16")
