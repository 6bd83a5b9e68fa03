"""Graphs made ready for TensorRT, run by ONNX Runtime."""

import numpy as np
import onnx
import onnxruntime
import pytest

from anyseg_core.errors import CheckpointError, ConfigurationError
from anyseg_core.runtime.tensorrt_graph import prepare_graph


def sizes(graph, name="x"):
    inputs = {each.name: each for each in onnx.load_from_string(graph).graph.input}
    return [size.dim_value or size.dim_param for size in inputs[name].type.tensor_type.shape.dim]


def test_one_profile_fixes_every_size(doubling):
    assert sizes(prepare_graph(doubling, [{"x": (3, 4)}], half=False)) == [3, 4]


def test_sizes_that_differ_between_profiles_stay_free(doubling):
    prepared = prepare_graph(doubling, [{"x": (3, 4)}, {"x": (5, 4)}], half=False)
    assert sizes(prepared) == ["n", 4]


@pytest.mark.parametrize("half", [False, True])
def test_a_prepared_graph_is_valid_and_answers_the_same(doubling, half):
    prepared = prepare_graph(doubling, [{"x": (3, 4)}], half=half)
    onnx.checker.check_model(onnx.load_from_string(prepared), full_check=True)
    x = np.random.default_rng(0).integers(0, 99, (3, 4)).astype(np.float32)
    twice, row = onnxruntime.InferenceSession(prepared).run(None, {"x": x})
    assert np.array_equal(twice, 2 * x)
    assert np.array_equal(row, x.argmax(1))
    assert row.dtype == np.uint8


def test_every_cast_to_uint8_starts_from_float32(doubling):
    graph = onnx.load_from_string(prepare_graph(doubling, [{"x": (3, 4)}], half=False))
    inferred = onnx.shape_inference.infer_shapes(graph).graph
    types = {each.name: each.type.tensor_type.elem_type for each in inferred.value_info}
    casts = [
        node
        for node in graph.graph.node
        if node.op_type == "Cast" and node.attribute[0].i == onnx.TensorProto.UINT8
    ]
    assert [types[node.input[0]] for node in casts] == [onnx.TensorProto.FLOAT]


@pytest.mark.parametrize(
    "shapes", [{}, {"x": (3,)}, {"x": (3, 5)}, {"x": (0, 4)}, {"x": (3, 4), "y": (1,)}]
)
def test_shapes_that_the_graph_does_not_take_are_refused_with_those_that_it_takes(doubling, shapes):
    with pytest.raises(ConfigurationError, match=r"fit the graph's \{'x': \('n', 4\)\}"):
        prepare_graph(doubling, [{"x": (3, 4)}, shapes], half=False)


@pytest.mark.parametrize("content", [b"", b"no graph at all"])
def test_what_is_no_graph_is_refused(content):
    with pytest.raises(CheckpointError, match="ONNX"):
        prepare_graph(content, [{"x": (3, 4)}], half=False)
