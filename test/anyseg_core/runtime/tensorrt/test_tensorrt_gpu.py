"""TensorRT itself on a GPU; skipped where either is missing."""

import numpy as np
import pytest
import torch

from anyseg_core.models import load_checkpoint
from anyseg_core.runtime import load_segmenter
from anyseg_core.runtime.graph_cache import CachedGraphs
from anyseg_core.runtime.parity import label_agreement
from anyseg_core.runtime.tensorrt_segmenter import TensorrtSegmenter

pytest.importorskip("tensorrt", reason="TensorRT is not installed")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


@pytest.fixture(scope="module", params=["float16", "float32"])
def segmenter(request, checkpoint):
    one = TensorrtSegmenter(
        CachedGraphs(*load_checkpoint(checkpoint)), device="auto", precision=request.param
    )
    one.warm_up(96, 64)
    return one


@pytest.fixture(scope="module")
def reference(checkpoint):
    return load_segmenter(checkpoint, "torch", "cpu")


def test_every_subset_gets_pytorchs_labels(segmenter, reference, tensors, all_subsets):
    for subset in all_subsets(tuple(tensors)):
        given = {name: tensors[name] for name in subset}
        assert label_agreement(reference, segmenter, given) >= 0.995, subset


def test_every_shape_is_captured_as_a_cuda_graph(segmenter):
    assert "without CUDA graphs" not in segmenter.description


def test_kept_features_give_the_same_answer(segmenter, tensors):
    first = segmenter.segment(tensors, {"lidar": 1})
    again = segmenter.segment(tensors | {"lidar": 0 * tensors["lidar"]}, {"lidar": 1})
    assert np.array_equal(first.labels, again.labels)


def test_a_second_start_loads_what_the_first_one_built(segmenter, tensors, own_cache):
    folder = own_cache / "anyseg" / "tensorrt"
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    other = TensorrtSegmenter(segmenter._graphs, device="auto", precision=segmenter._precision)
    assert np.array_equal(other.segment(tensors).labels, segmenter.segment(tensors).labels)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
