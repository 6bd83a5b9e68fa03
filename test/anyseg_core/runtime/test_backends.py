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
from anyseg_core.models import load_checkpoint
from anyseg_core.runtime import load_segmenter
from anyseg_core.runtime.graph_cache import CachedGraphs
from anyseg_core.runtime.onnxruntime_segmenter import OnnxruntimeSegmenter, _select
from anyseg_core.types import MODALITIES

GRAPH_BACKENDS = ("onnxruntime", "openvino")
CPU, CUDA, TENSORRT = (f"{name}ExecutionProvider" for name in ("CPU", "CUDA", "Tensorrt"))


@pytest.fixture(scope="module", params=GRAPH_BACKENDS)
def backend(request):
    pytest.importorskip(request.param)
    return request.param


@pytest.fixture(scope="module")
def segmenter(load, backend):
    return load("any2seg", backend)


def check_parity(reference, segmenter, tensors):
    wanted, got = reference.segment(tensors), segmenter.segment(tensors)
    assert len(set(wanted.labels.flat)) > 1
    assert (got.labels == wanted.labels).mean() >= 0.995
    assert got.labels.dtype == got.confidence.dtype == np.uint8
    difference = np.abs(got.confidence.astype(int) - wanted.confidence)
    assert np.quantile(difference, 0.99) <= 1
    assert got.weights == pytest.approx(wanted.weights, abs=1e-3)


@pytest.mark.parametrize(
    "kind", ["any2seg", "any2seg-every", "any2seg-last", "charm", "mean_fusion", "segformer"]
)
def test_every_subset_gets_the_references_answer(load, backend, kind, tensors, all_subsets):
    reference, segmenter = load(kind, "torch"), load(kind, backend)
    for subset in all_subsets(reference.card.spec.modalities):
        check_parity(reference, segmenter, {name: tensors[name] for name in subset})


@pytest.mark.parametrize("kind", ["any2seg", "any2seg-every", "any2seg-last", "mean_fusion"])
def test_the_fusion_in_one_graph_as_for_a_gpu_gives_the_references_answer(
    load, checkpoint_of, kind, tensors
):
    pytest.importorskip("onnxruntime")
    graphs = CachedGraphs(*load_checkpoint(checkpoint_of(kind)))
    segmenter = OnnxruntimeSegmenter(graphs, device="cpu", whole_fusion=True)
    for names in (MODALITIES, MODALITIES[::2], MODALITIES[1:2]):
        check_parity(load(kind, "torch"), segmenter, {name: tensors[name] for name in names})


def test_sessions_of_onnx_runtime_leave_the_cores_to_each_other(checkpoint_of):
    pytest.importorskip("onnxruntime")
    graphs = CachedGraphs(*load_checkpoint(checkpoint_of("any2seg")))
    session = OnnxruntimeSegmenter(graphs, device="cpu").open(graphs.encoder((64, 96)), {})
    options = session.get_session_options()
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_order_of_the_modalities_does_not_matter(segmenter, tensors):
    turned = dict(reversed(tensors.items()))
    assert np.array_equal(segmenter.segment(turned).labels, segmenter.segment(tensors).labels)


def test_a_size_that_is_no_multiple_of_the_stride_agrees_too(load, backend):
    images = np.random.default_rng(2).standard_normal((2, 3, 66, 99), np.float32)
    tensors = dict(zip(("rgb", "depth"), images, strict=True))
    for given in (tensors, {"depth": tensors["depth"]}):
        check_parity(load("mean_fusion", "torch"), load("mean_fusion", backend), given)


def test_an_encoder_with_windows_agrees_too(save, tensors):
    pytest.importorskip("onnxruntime")
    path = save("mean_fusion", ("rgb", "depth"), "swin_t")
    segmenter = load_segmenter(path, "onnxruntime", "cpu")
    both = {name: tensors[name][:, :60, :92].copy() for name in ("rgb", "depth")}
    check_parity(load_segmenter(path, "torch", "cpu"), segmenter, both)


def test_wrong_tensors_are_refused(segmenter, tensors):
    with pytest.raises(RecordError, match="nothing"):
        segmenter.segment({})
    with pytest.raises(RecordError, match="radar"):
        segmenter.segment({"radar": tensors["rgb"]})
    with pytest.raises(RecordError, match="alike"):
        segmenter.segment({"rgb": tensors["rgb"], "depth": tensors["depth"][:, :32]})
    with pytest.raises(RecordError, match="at least 32"):
        segmenter.segment({"rgb": tensors["rgb"][:, :31]})


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


def test_a_precision_that_the_runtime_lacks_is_refused(checkpoint, backend):
    with pytest.raises(ConfigurationError, match=f"'float16' with the backend {backend}"):
        load_segmenter(checkpoint, backend, "cpu", "float16")
    with pytest.raises(ConfigurationError, match="precision 'float7'"):
        load_segmenter(checkpoint, backend, "cpu", "float7")


def test_openvino_computes_in_bfloat16_where_the_cpu_does(checkpoint, tensors, load):
    openvino = pytest.importorskip("openvino")
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        with pytest.raises(ConfigurationError, match="auto or float32"):
            load_segmenter(checkpoint, "openvino", "cpu", "bfloat16")
        return
    segmenter = load_segmenter(checkpoint, "openvino", "cpu", "bfloat16")
    assert "bfloat16" in segmenter.description
    wanted = load("any2seg", "torch").segment(tensors).labels
    assert (segmenter.segment(tensors).labels == wanted).mean() >= 0.95


@pytest.mark.parametrize(("tensorrt", "provider"), [(False, CUDA), (True, TENSORRT)])
def test_a_provider_that_this_build_lacks_is_named(tensorrt, provider):
    with pytest.raises(MissingDependencyError, match=f"{provider}.*onnxruntime-gpu"):
        _select([CPU], "cuda", tensorrt=tensorrt)


def test_tensorrt_is_refused_on_the_cpu():
    with pytest.raises(ConfigurationError, match="cuda or cuda:N"):
        _select([CPU, CUDA, TENSORRT], "cpu", tensorrt=True)


def test_tensorrt_gets_the_range_of_shapes_that_a_graph_will_see(segmenter, backend):
    if backend != "onnxruntime":
        pytest.skip("ONNX Runtime's own")
    by_tensorrt = OnnxruntimeSegmenter(segmenter._graphs, device="cpu")
    by_tensorrt._device = type("Device", (), {"type": "cuda", "index": 1})()
    by_tensorrt._tensorrt = True
    first, *rest = by_tensorrt._providers({"features0": ((1, 8, 16, 24), (4, 8, 16, 24))})
    assert first[0] == TENSORRT
    assert first[1]["trt_profile_min_shapes"] == "features0:1x8x16x24"
    assert first[1]["trt_profile_max_shapes"] == "features0:4x8x16x24"
    assert not first[1]["trt_fp16_enable"]
    assert rest == [(CUDA, {"device_id": 1}), (CPU, {})]
    if CUDA in by_tensorrt._package.get_available_providers():
        pytest.skip("this build has CUDA")
    with (
        pytest.warns(UserWarning, match="not in available provider"),
        pytest.raises(ConfigurationError, match="libraries cannot be loaded"),
    ):
        by_tensorrt.open(segmenter._graphs.encoder((64, 96)), {})


def test_a_model_whose_encoder_mixes_modalities_is_refused_by_name(save, backend):
    with pytest.raises(ConfigurationError, match="cmnext"):
        load_segmenter(save("cmnext", ("rgb", "depth")), backend)


def test_graphs_are_exported_once_and_an_unwritable_cache_does_no_harm(
    checkpoint_of, tensors, backend, tmp_path, monkeypatch
):
    checkpoint = checkpoint_of("mean_fusion")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    load_segmenter(checkpoint, backend).segment(tensors)
    graphs = sorted((tmp_path / "anyseg").glob("*.onnx"))
    names = [path.name.partition("-")[2] for path in graphs]
    assert names == ["encoder.onnx", "fused-maps.onnx"]
    graphs[1].write_bytes(b"this one is read")
    with pytest.raises(CheckpointError, match="cannot read"):
        load_segmenter(checkpoint, backend).segment(tensors)
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    segmenter = load_segmenter(checkpoint, backend)
    assert segmenter.segment({"rgb": tensors["rgb"]}).labels.shape == (64, 96)
