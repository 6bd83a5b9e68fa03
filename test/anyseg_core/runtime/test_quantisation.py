"""Int8 graphs: their arithmetic against numpy, and whole networks against float32."""

import sys

import numpy as np
import pytest

from anyseg_core.errors import ConfigurationError, MissingDependencyError
from anyseg_core.models import load_checkpoint
from anyseg_core.runtime.graph import export_encoder
from anyseg_core.runtime.graph_cache import CachedGraphs
from anyseg_core.runtime.openvino_segmenter import OpenvinoSegmenter
from anyseg_core.runtime.parity import subset_agreement
from anyseg_core.runtime.probe import make_probe
from anyseg_core.runtime.quantisation import SUFFICIENT, quantise
from anyseg_core.runtime.quantised_graphs import QuantisedGraphs
from anyseg_core.types import MODALITIES

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

SIZE = (64, 96)


@pytest.fixture(scope="module")
def images():
    probe = make_probe(MODALITIES, SIZE[1], SIZE[0])
    return [probe.tensors[name] for name in MODALITIES]


@pytest.fixture(scope="module")
def network(checkpoint):
    return load_checkpoint(checkpoint)


@pytest.fixture(scope="module")
def encoder(network):
    return export_encoder(network[0])


@pytest.fixture(scope="module")
def quantised(encoder, images):
    return quantise(encoder, [{"images": image[None]} for image in images])


def make_graph(*nodes, shape, weights):
    """A graph from a float input ``x`` to ``y``, of as many dimensions."""
    helper, dims = onnx.helper, ("a", "b", "c")[: len(shape)]
    made = helper.make_graph(
        [helper.make_node(kind, list(read), [written]) for kind, read, written in nodes],
        "test",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, dims)],
        [onnx.numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


@pytest.fixture(scope="module")
def small():
    """A product with the unit matrix."""
    unit = np.eye(4, dtype=np.float32)
    return make_graph(("MatMul", ("x", "w"), "y"), shape=(1, 2, 4), weights={"w": unit})


def run(graph, feed):
    options = onnxruntime.SessionOptions()  # as the graph says: no fusing, which rounds otherwise
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return session.run(None, feed)


def kinds(graph):
    return [node.op_type for node in onnx.load_from_string(graph).graph.node]


def oracle(values, weights, most):
    """A product of 8-bit integers as the paper writes it, in plain numpy."""
    scale = most / 127
    integers = np.clip(np.rint(values / scale), -128, 127)
    scales = np.abs(weights).max(0) / 127
    return (integers @ np.rint(weights / scales)) * scale * scales


def test_a_product_is_that_of_eight_bit_integers():
    random = np.random.default_rng(0)
    weights = random.standard_normal((8, 5)).astype(np.float32)
    weights[:, 2] *= 50.0  # channels have a scale each, or this one would drown the others
    calibration = [random.standard_normal((1, 6, 8)).astype(np.float32) for _ in range(3)]
    plain = make_graph(("MatMul", ("x", "w"), "y"), shape=(1, 6, 8), weights={"w": weights})
    graph = quantise(plain, [{"x": each} for each in calibration])
    x = 2.0 * random.standard_normal((1, 6, 8)).astype(np.float32)  # beyond the range as well
    least = np.mean([each.min() for each in calibration])
    most = np.mean([each.max() for each in calibration])
    wanted = oracle(x, weights, max(-least, most))
    np.testing.assert_allclose(run(graph, {"x": x})[0], wanted, rtol=1e-4, atol=1e-4)
    assert np.abs(wanted - x @ weights).max() > 1e-2  # so int8 it is


def test_activations_without_a_sign_use_all_eight_bits(small):
    x = np.linspace(0, 1, 8, dtype=np.float32).reshape(1, 2, 4)
    got = run(quantise(small, [{"x": x}]), {"x": x})[0]
    np.testing.assert_allclose(got, np.rint(x * 255) / 255, atol=1e-6)


def test_what_is_read_as_float_elsewhere_stays_float():
    weights = np.eye(4, dtype=np.float32)
    plain = make_graph(
        ("Relu", ("x",), "a"),
        ("Transpose", ("a",), "b"),
        ("MatMul", ("b", "w"), "c"),
        ("Add", ("b", "c"), "y"),
        shape=(4, 4),
        weights={"w": weights},
    )
    x = np.random.default_rng(0).random((4, 4), np.float32)
    got = run(quantise(plain, [{"x": x}]), {"x": x})[0]
    scale = x.max() / 255
    np.testing.assert_allclose(got, x.T + np.rint(x.T / scale) * scale, atol=1e-6)


def test_an_exact_input_enters_its_product_as_floats():
    random = np.random.default_rng(3)
    first, second = (random.standard_normal((4, 4)).astype(np.float32) for _ in range(2))
    plain = make_graph(
        ("MatMul", ("x", "w"), "a"),
        ("MatMul", ("a", "v"), "y"),
        shape=(1, 2, 4),
        weights={"w": first, "v": second},
    )
    x = random.standard_normal((1, 2, 4)).astype(np.float32)
    got = run(quantise(plain, [{"x": x}], exact=("x",)), {"x": x})[0]
    wanted = oracle(x @ first, second, np.abs(x @ first).max())
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)


def test_every_weight_is_kept_in_eight_bits(encoder, quantised):
    assert len(quantised) < 0.4 * len(encoder)
    assert kinds(quantised).count("QuantizeLinear") > 50
    floats = [
        list(tensor.dims)
        for tensor in onnx.load_from_string(quantised).graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
    ]
    assert [dims for dims in floats if len(dims) > 1] == []  # only biases and norms


def test_one_pair_serves_all_readers_of_a_normalisation(quantised):
    graph = onnx.load_from_string(quantised).graph
    read = [node.input[0] for node in graph.node if node.op_type == "QuantizeLinear"]
    assert len(read) == len(set(read))
    assert sum("LayerNormalization" in name for name in read) >= 20


def test_the_same_samples_give_the_same_file(encoder, quantised, images):
    feeds = ({"images": image[None]} for image in images)  # an iterator is enough
    assert quantise(encoder, feeds) == quantised


def test_features_are_close_to_float32(encoder, quantised, images):
    feed = {"images": np.stack(images)}
    for got, wanted in zip(run(quantised, feed), run(encoder, feed), strict=True):
        assert 0 < np.linalg.norm(got - wanted) < 0.1 * np.linalg.norm(wanted)


@pytest.mark.parametrize("kind", ["any2seg", "charm", "mean_fusion"])
def test_openvino_gives_pytorchs_labels_on_every_subset(checkpoint_of, load, kind, all_subsets):
    pytest.importorskip("openvino")
    reference = load(kind, "torch")
    modalities = reference.card.spec.modalities
    probe = make_probe(modalities, SIZE[1], SIZE[0])
    source = CachedGraphs(*load_checkpoint(checkpoint_of(kind)))
    segmenter = OpenvinoSegmenter(QuantisedGraphs(source, [probe.tensors]), device="cpu")
    for subset in all_subsets(modalities):
        assert subset_agreement(reference, segmenter, probe, subset) >= SUFFICIENT, subset
    assert segmenter.card == reference.card


def test_no_sample_is_refused(small):
    with pytest.raises(ConfigurationError, match="no sample"):
        quantise(small, [])


def test_samples_that_are_not_finite_are_refused(small):
    with pytest.raises(ConfigurationError, match="not finite"):
        quantise(small, [{"x": np.full((1, 2, 4), np.nan, np.float32)}])


def test_a_graph_without_a_product_is_refused():
    plain = make_graph(("Relu", ("x",), "y"), shape=(2, 2), weights={})
    with pytest.raises(ConfigurationError, match="without a product"):
        quantise(plain, [{"x": np.ones((2, 2), np.float32)}])


def test_what_is_no_graph_is_refused():
    with pytest.raises(ConfigurationError, match="cannot read"):
        quantise(b"no graph", [])


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_is_named_with_what_to_install(small, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=f"pip install {package}"):
        quantise(small, [])
