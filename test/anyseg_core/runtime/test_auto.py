"""What ``auto`` takes, and what it says of it."""

import sys
from dataclasses import replace

import pytest

from anyseg_core.runtime import load_segmenter
from anyseg_core.runtime.auto_segmenter import AutoSegmenter


class Wrong:
    """A runtime with answers of its own."""

    description = "Wrong 1.0"

    def __init__(self, right):
        self._right = right

    def segment(self, tensors):
        prediction = self._right.segment(tensors)
        return replace(prediction, labels=prediction.labels + (len(tensors) == 3))

    def warm_up(self, width, height):
        pass


@pytest.fixture(scope="module")
def reference(checkpoint):
    return load_segmenter(checkpoint, "torch", "cpu")


def test_auto_is_pytorch_until_the_warm_up_and_then_openvino(checkpoint, tensors):
    pytest.importorskip("openvino")
    segmenter = load_segmenter(checkpoint, "auto", "cpu")
    assert segmenter.description.startswith("PyTorch")
    before = segmenter.segment(tensors)
    segmenter.warm_up(96, 64)
    assert segmenter.description.startswith("OpenVINO")
    assert "labels equal to PyTorch's on at least" in segmenter.description
    assert (segmenter.segment(tensors).labels == before.labels).mean() >= 0.995


def test_auto_stays_with_pytorch_where_the_other_runtime_disagrees_on_one_count(reference):
    segmenter = AutoSegmenter(reference, lambda: Wrong(reference))
    segmenter.warm_up(64, 64)
    assert segmenter.description.startswith("PyTorch")
    assert "Wrong 1.0 agrees on 0.00 % of pixels only" in segmenter.description


def test_auto_stays_with_pytorch_where_the_model_cannot_be_exported(save):
    pytest.importorskip("openvino")
    segmenter = load_segmenter(save("charm"), "auto", "cpu")
    segmenter.warm_up(64, 64)
    assert segmenter.description.startswith("PyTorch")
    assert "cannot be used: got a graph of charm" in segmenter.description


def test_auto_stays_with_pytorch_where_openvino_breaks_on_import(checkpoint, monkeypatch):
    pytest.importorskip("openvino")
    segmenter = load_segmenter(checkpoint, "auto", "cpu")
    monkeypatch.setitem(sys.modules, "openvino", None)
    segmenter.warm_up(64, 64)
    assert "pip install openvino" in segmenter.description
