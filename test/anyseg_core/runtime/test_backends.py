"""Every runtime against PyTorch."""

import sys

import numpy as np
import pytest

from anyseg_core.errors import (
    CheckpointError,
    ConfigurationError,
    MissingDependencyError,
    RecordError,
)
from anyseg_core.runtime import load_segmenter

GRAPH_BACKENDS = ("onnxruntime", "openvino")


@pytest.fixture(scope="module", params=GRAPH_BACKENDS)
def backend(request):
    pytest.importorskip(request.param)
    return request.param


@pytest.fixture(scope="module")
def reference(checkpoint):
    return load_segmenter(checkpoint, "torch", "cpu")


@pytest.fixture(scope="module")
def segmenter(checkpoint, backend):
    return load_segmenter(checkpoint, backend, "cpu")


def check_parity(reference, segmenter, tensors):
    wanted, got = reference.segment(tensors), segmenter.segment(tensors)
    assert len(set(wanted.labels.flat)) > 1
    assert (got.labels == wanted.labels).mean() >= 0.995
    assert got.labels.dtype == got.confidence.dtype == np.uint8
    difference = np.abs(got.confidence.astype(int) - wanted.confidence)
    assert np.quantile(difference, 0.99) <= 1
    assert got.weights == pytest.approx(wanted.weights, abs=1e-3)


def test_every_subset_gets_the_references_answer(reference, segmenter, tensors, subset):
    check_parity(reference, segmenter, {name: tensors[name] for name in subset})


def test_order_of_the_modalities_does_not_matter(segmenter, tensors):
    turned = dict(reversed(tensors.items()))
    assert np.array_equal(segmenter.segment(turned).labels, segmenter.segment(tensors).labels)


@pytest.mark.parametrize(
    ("name", "options"), [("mean_fusion", {}), ("any2seg", {"selection": False, "iterations": 2})]
)
def test_other_models_and_options_agree_too(save, backend, tensors, name, options):
    path = save(name, **options)
    subset = {each: tensors[each] for each in ("rgb", "depth", "lidar")}
    check_parity(load_segmenter(path, "torch", "cpu"), load_segmenter(path, backend), subset)


def test_wrong_tensors_are_refused(segmenter, tensors):
    with pytest.raises(RecordError, match="nothing"):
        segmenter.segment({})
    with pytest.raises(RecordError, match="radar"):
        segmenter.segment({"radar": tensors["rgb"]})
    with pytest.raises(RecordError, match="alike"):
        segmenter.segment({"rgb": tensors["rgb"], "depth": tensors["depth"][:, :32]})


def test_openvino_compiles_nothing_when_sensors_fail_after_the_warm_up(checkpoint, tensors):
    pytest.importorskip("openvino")
    segmenter = load_segmenter(checkpoint, "openvino")
    segmenter.warm_up(96, 64)
    warm = segmenter.compiled_shapes
    assert len(warm) == 4
    for subset in (("rgb",), ("depth", "lidar"), ("rgb", "event", "lidar"), tuple(tensors)):
        segmenter.segment({name: tensors[name] for name in subset})
    assert segmenter.compiled_shapes == warm


def test_a_result_is_not_overwritten_by_the_next(segmenter, tensors):
    first = segmenter.segment({"rgb": tensors["rgb"]})
    kept = first.labels.copy()
    segmenter.segment({"rgb": -tensors["depth"]})
    assert np.array_equal(first.labels, kept)


@pytest.mark.parametrize("package", GRAPH_BACKENDS)
def test_a_missing_package_is_named_with_what_to_install(checkpoint, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=f"pip install {package}"):
        load_segmenter(checkpoint, package)


def test_a_device_that_the_runtime_lacks_is_refused(checkpoint, backend):
    with pytest.raises(ConfigurationError, match="abacus"):
        load_segmenter(checkpoint, backend, "abacus")


def test_a_model_with_parts_per_modality_is_refused_by_name(save, backend):
    with pytest.raises(ConfigurationError, match="charm"):
        load_segmenter(save("charm"), backend)


def test_the_graph_is_exported_once_and_an_unwritable_cache_does_no_harm(
    checkpoint, tensors, backend, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    load_segmenter(checkpoint, backend)
    (graph,) = (tmp_path / "anyseg").glob("*.onnx")
    graph.write_bytes(b"this one is read")
    with pytest.raises(CheckpointError, match="cannot read"):
        load_segmenter(checkpoint, backend)
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    segmenter = load_segmenter(checkpoint, backend)
    assert segmenter.segment({"rgb": tensors["rgb"]}).labels.shape == (64, 96)
