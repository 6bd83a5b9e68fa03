"""An ONNX graph in the form that TensorRT builds best from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyseg_core.errors import ConfigurationError
from anyseg_core.runtime.half_graph import half_precision, import_onnx, read_onnx

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Shapes = dict[str, tuple[int, ...]]
"""The shape of every input of a graph, by name."""


def prepare_graph(graph: bytes, profiles: Sequence[Shapes], *, half: bool) -> bytes:
    """Return the graph with the sizes fixed that are the same in all profiles.

    A size that is written into the graph lets TensorRT fold what depends on it; some operators
    (OneHot's depth, for one) must be constant when the engine is built.

    Args:
        graph: an ONNX file's content, float32.
        profiles: the shapes that the engine will run on, each with every input.
        half: whether to compute in float16 where that does, see ``half_precision``.

    Raises:
        CheckpointError: this is no ONNX graph.
        ConfigurationError: shapes that the graph does not take.
        MissingDependencyError: ``onnx`` is missing, or for float16 ``onnxruntime``.
    """
    onnx = import_onnx()
    model = read_onnx(onnx, half_precision(graph) if half else graph)
    inputs = _inputs(model.graph)
    for shapes in profiles:
        _check_shapes(inputs, shapes)
    for name, sizes in inputs.items():
        for axis, size in enumerate(sizes):
            wanted = {shapes[name][axis] for shapes in profiles}
            if len(wanted) == 1:
                size.dim_value = wanted.pop()
    del model.graph.value_info[:]  # sizes that are out of date
    _convert_to_uint8_from_float(onnx, model.graph)
    content: bytes = model.SerializeToString()
    return content


def _inputs(graph: Any) -> dict[str, Any]:  # noqa: ANN401 - ONNX's own type
    """Return the sizes of every input that is no weight."""
    weights = {each.name for each in graph.initializer}
    return {
        each.name: each.type.tensor_type.shape.dim
        for each in graph.input
        if each.name not in weights
    }


def _check_shapes(inputs: Mapping[str, Any], shapes: Shapes) -> None:
    fits = set(inputs) == set(shapes) and all(
        len(sizes) == len(shapes[name])
        and all(got > 0 for got in shapes[name])
        and all(
            not size.HasField("dim_value") or size.dim_value == got
            for size, got in zip(sizes, shapes[name], strict=True)
        )
        for name, sizes in inputs.items()
    )
    if not fits:
        known = {
            name: tuple(
                size.dim_value if size.HasField("dim_value") else size.dim_param or "free"
                for size in sizes
            )
            for name, sizes in inputs.items()
        }
        raise ConfigurationError(
            f"input shapes {shapes}", f"shapes that fit the graph's {known}", "give other shapes"
        )


def _convert_to_uint8_from_float(onnx: Any, graph: Any) -> None:  # noqa: ANN401 - ONNX's own types
    """Let every cast to uint8 start from float32: TensorRT has none from integers."""
    nodes = []
    for node in graph.node:
        if node.op_type == "Cast" and node.attribute[0].i == onnx.TensorProto.UINT8:
            wide = f"{node.output[0]}.float32"
            nodes.append(
                onnx.helper.make_node(
                    "Cast", [node.input[0]], [wide], name=wide, to=onnx.TensorProto.FLOAT
                )
            )
            node.input[0] = wide
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
