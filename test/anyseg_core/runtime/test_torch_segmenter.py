import numpy as np
import pytest
import torch
from torch.nn import functional

from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.runtime import load_segmenter
from anyseg_core.runtime.torch_segmenter import select_device

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


def test_the_untrained_network_is_the_same_every_time_and_says_that_it_is(segmenter):
    again = load_segmenter(backend="torch", device="cpu")
    assert not segmenter.trained
    first, second = segmenter.segment(TENSORS), again.segment(TENSORS)
    assert np.array_equal(first.labels, second.labels)


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
