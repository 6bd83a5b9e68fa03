"""Half precision written into graphs, run by ONNX Runtime and by ONNX's own evaluator."""

import sys
from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from anyseg_core.errors import CheckpointError, MissingDependencyError
from anyseg_core.models import load_checkpoint
from anyseg_core.runtime.graph import INPUT, OUTPUTS, feature_names
from anyseg_core.runtime.graph_cache import CachedGraphs
from anyseg_core.runtime.half_graph import half_precision

SIZE = (64, 96)
FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16


def run(graph, given):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options).run(None, given)


def node_types(graph):
    """Return the type of each node's first input, by operator."""
    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(graph)).graph
    values = (*model.value_info, *model.input, *model.output)
    types = {each.name: each.type.tensor_type.elem_type for each in values}
    types |= {each.name: each.data_type for each in model.initializer}
    return Counter((node.op_type, types.get(node.input[0])) for node in model.node if node.input)


@pytest.fixture(scope="module")
def graphs(checkpoint):
    """The encoder's and the fusion's graph in float32."""
    source = CachedGraphs(*load_checkpoint(checkpoint))
    return source.encoder(SIZE), source.fusion(SIZE)


@pytest.fixture(scope="module")
def halves(graphs):
    return tuple(half_precision(graph) for graph in graphs)


@pytest.fixture(scope="module")
def images(tensors):
    return np.stack(list(tensors.values()))


def segment(graphs, images):
    encoder, fusion = graphs
    maps = run(encoder, {INPUT: images})
    return run(fusion, dict(zip(feature_names(len(maps)), maps, strict=True)))


def test_labels_are_those_of_float32(graphs, halves, images):
    wanted, got = segment(graphs, images), segment(halves, images)
    assert len(set(wanted[0].flat)) > 1
    assert (got[0] == wanted[0]).mean() >= 0.995
    assert np.abs(got[1].astype(int) - wanted[1]).max() <= 5
    assert got[2] == pytest.approx(wanted[2], abs=1e-3)


def evaluate(graph, given):
    """Run every half-precision operator in half: ONNX Runtime computes some of them in float32."""
    return ReferenceEvaluator(onnx.load_from_string(graph)).run(None, given)


def test_maps_stay_near_those_of_float32_where_every_operator_rounds_to_half(
    graphs, halves, images
):
    few = {INPUT: images[:2, :, :32, :32]}
    for wanted, got in zip(run(graphs[0], few), evaluate(halves[0], few), strict=True):
        assert got.dtype == np.float32
        assert np.linalg.norm(got - wanted) < 0.01 * np.linalg.norm(wanted)


def test_the_fusion_labels_alike_where_every_operator_rounds_to_half(graphs, halves, images):
    maps = run(graphs[0], {INPUT: images})
    given = dict(zip(feature_names(len(maps)), maps, strict=True))
    wanted, got = run(graphs[1], given), evaluate(halves[1], given)
    assert (got[0] == wanted[0]).mean() >= 0.995
    assert got[2] == pytest.approx(wanted[2], abs=1e-3)


def test_the_graph_is_valid_and_half_as_large(graphs, halves):
    for graph, half in zip(graphs, halves, strict=True):
        onnx.checker.check_model(onnx.load_from_string(half), full_check=True)
        assert onnx.load_from_string(half).graph.output == onnx.load_from_string(graph).graph.output
    assert len(halves[0]) < 0.53 * len(graphs[0])


def test_inputs_and_outputs_keep_their_types(halves):
    encoder, fusion = (onnx.load_from_string(half).graph for half in halves)
    assert {each.type.tensor_type.elem_type for each in (*encoder.input, *encoder.output)} == {
        FLOAT
    }
    assert {each.name: each.type.tensor_type.elem_type for each in fusion.output} == dict(
        zip(OUTPUTS, (TensorProto.UINT8, TensorProto.UINT8, FLOAT), strict=True)
    )


def test_the_encoder_is_half_but_for_normalisation(halves):
    types = node_types(halves[0])
    wide = {name for name, type_ in types if type_ == FLOAT} - {"Cast", "Shape"}
    assert wide == {"LayerNormalization"}
    assert ("LayerNormalization", HALF) not in types
    assert types["MatMul", HALF] > 50
    assert types["Softmax", HALF] == 8


def test_the_fusion_decides_in_float32(halves):
    types = node_types(halves[1])
    narrow = {name for name, type_ in types if type_ == HALF}
    for name in ("Einsum", "ReduceSum", "ReduceMax", "Sqrt", "Exp"):
        assert types[name, FLOAT] > 0, name
        assert name not in narrow
    assert types["Resize", FLOAT] == 1


def test_inner_products_of_modalities_stay_float32_before_a_head_in_half(checkpoint_of):
    source = CachedGraphs(*load_checkpoint(checkpoint_of("any2seg-every")))
    types = node_types(half_precision(source.fusion(SIZE)))
    assert types["Einsum", FLOAT] == 4
    assert ("Einsum", HALF) not in types
    assert types["MatMul", HALF] >= 4


def test_nothing_goes_through_half_between_two_float32_nodes(halves):
    for half in halves:
        model = onnx.load_from_string(half).graph
        casts = {
            node.output[0]: node.attribute[0].i for node in model.node if node.op_type == "Cast"
        }
        twice = [
            node.name
            for node in model.node
            if node.op_type == "Cast" and casts.get(node.input[0]) == HALF
        ]
        assert twice == []


def graph_of(nodes, shape, outputs, weights=()):
    """A graph of one float32 input x."""
    made = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", FLOAT, shape)],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs],
        [numpy_helper.from_array(each, name) for name, each in weights],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def test_a_sum_beyond_what_half_precision_holds_stays_right():
    graph = graph_of(
        [
            helper.make_node("ReduceSum", ["x"], ["sum"]),
            helper.make_node("Sqrt", ["sum"], ["y"]),
        ],
        [1, 4000],
        ["y"],
    )
    x = np.full((1, 4000), 100, np.float32)
    assert x.sum() > np.finfo(np.float16).max
    assert run(half_precision(graph), {"x": x})[0].item() == pytest.approx(400_000**0.5)


def test_a_product_with_weights_ends_the_float32_part():
    weight = np.eye(4, dtype=np.float32)
    graph = graph_of(
        [
            helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0]),
            helper.make_node("MatMul", ["mean", "w"], ["product"]),
            helper.make_node("Relu", ["product"], ["y"]),
        ],
        [3, 4],
        ["y"],
        [("w", weight)],
    )
    types = node_types(half_precision(graph))
    assert types["ReduceMean", FLOAT] == types["MatMul", HALF] == types["Relu", HALF] == 1


def test_a_tensor_that_several_float32_nodes_read_is_cast_once():
    graph = graph_of(
        [
            helper.make_node("Relu", ["x"], ["r"]),
            helper.make_node("ReduceL2", ["r"], ["length"]),
            helper.make_node("ReduceMax", ["r"], ["most"]),
            helper.make_node("Add", ["length", "most"], ["y"]),
        ],
        [3, 4],
        ["y"],
    )
    half = half_precision(graph)
    onnx.checker.check_model(onnx.load_from_string(half), full_check=True)
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert np.array_equal(run(half, {"x": x})[0], run(graph, {"x": x})[0])


def test_a_cast_that_cuts_the_fraction_still_does():
    graph = graph_of(
        [
            helper.make_node("Cast", ["x"], ["whole"], to=TensorProto.INT64),
            helper.make_node("Cast", ["whole"], ["y"], to=FLOAT),
        ],
        [3],
        ["y"],
    )
    x = np.array([0.6, 1.9, -2.5], np.float32)
    assert run(half_precision(graph), {"x": x})[0].tolist() == [0, 1, -2]


@pytest.mark.parametrize("content", [b"", b"no graph at all"])
def test_what_is_no_graph_is_refused(content):
    with pytest.raises(CheckpointError, match="ONNX"):
        half_precision(content)


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_is_named(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, "onnxruntime.transformers.float16", None)
    with pytest.raises(MissingDependencyError, match=f"pip install {package}"):
        half_precision(graph_of([helper.make_node("Relu", ["x"], ["y"])], [3], ["y"]))
