"""What ``auto`` takes, and what it says of it."""

import sys
from dataclasses import replace

import pytest

from anyseg_core.runtime import auto_segmenter, load, load_segmenter, untimed_backend
from anyseg_core.runtime.auto_segmenter import AutoSegmenter
from anyseg_core.runtime.warming import WarmUp

SUBSETS = (("rgb",), ("rgb", "depth", "event"))


class Faked:
    """A runtime whose answers are the reference's, but for ``wrong_for`` modalities at once."""

    def __init__(self, right, name, wrong_for=0):
        self._right, self.description, self._wrong_for = right, name, wrong_for

    def segment(self, tensors, readings=None):
        prediction = self._right.segment(tensors, readings)
        wrong = len(tensors) == self._wrong_for
        return replace(prediction, labels=prediction.labels + wrong)

    def warm_up(self, *_):
        return WarmUp(1, 0.0, None)


@pytest.fixture(scope="module")
def reference(load):
    return load("any2seg", "torch")


@pytest.fixture
def clock(monkeypatch):
    """Seconds of a frame by the first word of a runtime's description, instead of a real clock."""
    seconds = {"PyTorch": 0.2}
    monkeypatch.setattr(
        auto_segmenter, "_seconds", lambda segmenter, _: seconds[segmenter.description.split()[0]]
    )
    return seconds


def test_the_fastest_that_agrees_is_taken_and_every_time_is_told(reference, clock):
    clock |= {"Fast": 0.1, "Faster": 0.05, "Wrong": 0.01, "Slow": 0.3}
    candidates = {
        name: lambda name=name: Faked(reference, name, 3 * (name == "Wrong"))
        for name in ("Fast", "Faster", "Wrong", "Slow")
    }
    segmenter = AutoSegmenter(reference, candidates, SUBSETS)
    segmenter.warm_up(96, 64)
    assert segmenter.description.startswith("Faster (auto: the fastest that agrees with PyTorch: ")
    for words in ("50.0 ms with Faster", "100.0 ms with Fast", "200.0 ms with PyTorch"):
        assert words in segmenter.description
    assert "300.0 ms with Slow" in segmenter.description
    assert (
        "Wrong cannot be used: Wrong agrees with PyTorch on 0.00 % of pixels only for "
        "rgb, depth, event, 99.5 % are wanted"
    ) in segmenter.description


def test_pytorch_stays_where_it_is_the_fastest_or_alone(reference, clock):
    clock["Slow"] = 0.3
    segmenter = AutoSegmenter(reference, {"slow": lambda: Faked(reference, "Slow")}, SUBSETS)
    segmenter.warm_up(96, 64)
    assert segmenter.description.startswith("PyTorch")
    alone = AutoSegmenter(reference, {}, SUBSETS)
    alone.warm_up(96, 64)
    assert "no other runtime is installed" in alone.description


def test_auto_is_pytorch_until_the_warm_up_and_agrees_with_it_after(checkpoint, tensors):
    pytest.importorskip("openvino")
    segmenter = load_segmenter(checkpoint, "auto", "cpu")
    assert segmenter.description.startswith("PyTorch")
    before = segmenter.segment(tensors)
    warmed = segmenter.warm_up(96, 64)
    assert warmed.runs >= 8
    assert "ms with OpenVINO" in segmenter.description
    assert (segmenter.segment(tensors).labels == before.labels).mean() >= 0.995


def test_a_runtime_that_cannot_run_the_model_is_named_with_its_reason(save):
    pytest.importorskip("openvino")
    segmenter = load_segmenter(save("cmnext", ("rgb", "depth")), "auto", "cpu")
    segmenter.warm_up(64, 64)
    assert segmenter.description.startswith("PyTorch")
    assert "openvino cannot be used: got a graph of cmnext" in segmenter.description


def test_a_runtime_that_breaks_on_import_is_named_with_its_reason(checkpoint, monkeypatch):
    pytest.importorskip("openvino")
    segmenter = load_segmenter(checkpoint, "auto", "cpu")
    monkeypatch.setitem(sys.modules, "openvino", None)
    segmenter.warm_up(64, 64)
    assert "openvino cannot be used" in segmenter.description
    assert "pip install openvino" in segmenter.description


def test_half_precision_competes_where_it_is_asked_for(checkpoint):
    segmenter = load_segmenter(checkpoint, "auto", "cpu", "bfloat16")
    segmenter.warm_up(64, 64)
    assert "bfloat16" in segmenter.description


@pytest.mark.parametrize("multiplies", [False, True])
def test_bfloat16_competes_unasked_where_the_cpu_multiplies_in_it(
    checkpoint, clock, monkeypatch, multiplies
):
    pytest.importorskip("openvino")
    clock |= {"OpenVINO": 0.1, "ONNX": 0.3}
    if multiplies and "bfloat16" not in load.openvino_precisions():
        pytest.skip("this CPU does not compute in bfloat16")
    known = ["float32", *(["bfloat16"] if multiplies else [])]
    monkeypatch.setattr(load, "openvino_precisions", lambda: known)
    segmenter = load_segmenter(checkpoint, "auto", "cpu")
    segmenter.warm_up(64, 64)
    assert ("bfloat16" in segmenter.description) == multiplies
    exact = load_segmenter(checkpoint, "auto", "cpu", "float32")
    exact.warm_up(64, 64)
    assert "bfloat16" not in exact.description


def test_the_packages_network_in_bfloat16_gives_pytorchs_labels():
    pytest.importorskip("openvino")
    if "bfloat16" not in load.openvino_precisions():
        pytest.skip("this CPU does not compute in bfloat16")
    segmenter = load_segmenter()
    segmenter.warm_up(256, 256)
    assert "openvino in bfloat16 cannot be used" not in segmenter.description
    assert "ms with OpenVINO" in segmenter.description


def test_the_backend_without_timing_follows_from_what_is_installed_and_the_model(
    checkpoint, save, tmp_path, monkeypatch
):
    cmnext = save("cmnext", ("rgb", "depth"))
    for installed, wanted in (({"openvino", "onnxruntime"}, "openvino"), (set(), "torch")):
        monkeypatch.setattr(load, "find_spec", lambda name, here=installed: name in here or None)
        assert untimed_backend() == untimed_backend(checkpoint) == wanted
        assert untimed_backend(cmnext) == "torch"
    assert untimed_backend(tmp_path) == "auto"  # a folder is an export
