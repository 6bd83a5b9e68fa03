"""After the warm-up nothing is compiled any more, whatever sensor fails."""

from functools import partial

import numpy as np
import pytest
import torch
from torch._dynamo.utils import counters

from anyseg_core.runtime import load_segmenter, openvino_segmenter
from anyseg_core.runtime.warming import WarmUp


def run_all(segmenter, subsets, tensors):
    """A stream in which sensors fail and come back: every subset once, all between."""
    names = segmenter.card.spec.modalities
    for subset in subsets:
        for present in (subset, names):
            readings = {name: object() for name in present}
            segmenter.segment({name: tensors[name] for name in present}, readings)


@pytest.mark.parametrize(
    ("kind", "branches", "numbers", "fusions"),
    [("any2seg", 0, 4, 0), ("charm", 2, 2, 2), ("mean_fusion", 0, 4, 4)],
)
@pytest.mark.parametrize("cores", [1, 2])
def test_openvino_compiles_nothing_when_sensors_fail(
    checkpoint_of, all_subsets, tensors, kind, branches, numbers, fusions, cores, monkeypatch
):
    pytest.importorskip("openvino")
    monkeypatch.setattr(openvino_segmenter, "usable_cores", lambda: cores)
    segmenter = load_segmenter(checkpoint_of(kind), "openvino")
    warmed = segmenter.warm_up(96, 64)
    assert isinstance(warmed, WarmUp)
    assert warmed.runs == numbers
    warm = segmenter.compiled_shapes
    assert len(warm) == cores * (1 + branches) + fusions  # for an image alone, and for two at once
    run_all(segmenter, all_subsets(segmenter.card.spec.modalities), tensors)
    assert segmenter.compiled_shapes == warm


@pytest.mark.parametrize(("kind", "graphs"), [("any2seg", 1), ("charm", 4)])
def test_onnx_runtime_opens_no_session_when_sensors_fail(
    checkpoint_of, all_subsets, tensors, kind, graphs, monkeypatch
):
    pytest.importorskip("onnxruntime")
    segmenter = load_segmenter(checkpoint_of(kind), "onnxruntime")
    opened, really_open = [], segmenter.open
    monkeypatch.setattr(
        segmenter, "open", lambda *given: opened.append(given) or really_open(*given)
    )
    segmenter.warm_up(96, 64)
    assert len(opened) == graphs
    run_all(segmenter, all_subsets(segmenter.card.spec.modalities), tensors)
    assert len(opened) == graphs


@pytest.mark.parametrize("kind", ["mean_fusion", "charm"])
def test_pytorch_translates_nothing_when_sensors_fail(
    checkpoint_of, all_subsets, load, tensors, kind, monkeypatch
):
    # The translation alone, without the compiler behind it, which takes long.
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    segmenter = load_segmenter(checkpoint_of(kind), "torch_compiled", "cpu")
    assert "compiled" in segmenter.description
    before = counters["stats"]["unique_graphs"]
    segmenter.warm_up(96, 64)
    warm = counters["stats"]["unique_graphs"]
    assert warm > before
    modalities = segmenter.card.spec.modalities
    run_all(segmenter, all_subsets(modalities), tensors)
    assert counters["stats"]["unique_graphs"] == warm
    given = {name: tensors[name] for name in modalities}
    eager = load(kind, "torch").segment(given).labels
    assert np.mean(segmenter.segment(given).labels == eager) >= 0.999


def test_a_warm_up_says_what_it_took():
    assert str(WarmUp(4, 1.25, 3 * 2**20)) == "4 kinds of input in 1.2 s, 3 MiB of memory"
    assert str(WarmUp(4, 1.25, None)) == "4 kinds of input in 1.2 s"


def test_a_reading_of_the_warm_up_is_none_of_the_stream(load, tensors):
    segmenter = load("any2seg", "torch")
    segmenter.warm_up(96, 64)
    one = {"rgb": tensors["rgb"]}
    after = segmenter.segment(one, {"rgb": 1})
    assert np.array_equal(after.labels, segmenter.segment(one, {"rgb": 2}).labels)


def test_memory_does_not_grow_with_every_image_size(load):
    pytest.importorskip("onnxruntime")
    segmenter = load("mean_fusion", "onnxruntime")
    sizes = [(32, width) for width in (32, 36, 40, 44, 48)]
    for height, width in (*sizes[:4], sizes[0], sizes[4]):
        segmenter.segment({"rgb": np.zeros((3, height, width), np.float32)})
    assert set(segmenter._networks) == set(segmenter._kept) == {*sizes[2:], sizes[0]}
