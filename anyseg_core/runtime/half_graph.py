"""Half precision written into an ONNX graph, for runtimes that compute in the graph's own types."""

from __future__ import annotations

from graphlib import TopologicalSorter
from importlib import import_module
from typing import TYPE_CHECKING, Any

from anyseg_core.errors import CheckpointError, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PRODUCTS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
_SHAPES = frozenset({"Shape", "Size"})

_WIDE_ALONE = frozenset({"BatchNormalization", "InstanceNormalization", "LayerNormalization"})
"""Variances are squares: half precision ends at 256 squared and is coarse below 0.008 squared."""

_WIDE_ONWARDS = frozenset(
    {
        "ArgMax",
        "Einsum",
        "Exp",
        "GlobalAveragePool",
        "Log",
        "ReduceL2",
        "ReduceLogSumExp",
        "ReduceMax",
    }
    | {"ReduceMean", "ReduceSum"}
)
"""Sums over many values, lengths and decisions, with the ratios and comparisons made of them.

An Einsum is the fusion's: the inner products of modalities' features, of which lengths are made.
"""


def half_precision(graph: bytes) -> bytes:
    """Return the graph with its weights and most of its arithmetic in float16.

    Inputs and outputs keep their types. These parts stay float32: normalisation; a sum, a length
    or an arg max and what follows it up to the next product with weights (the fusion of
    modalities); and what leads from the last product with weights to outputs of whole numbers
    (classifier, upsampling, winner and confidence). Attention is float16, its softmax too: the
    values are at most 1, and runtimes fuse the whole of it where it has one type.

    Args:
        graph: an ONNX file's content, without weights in other files.

    Raises:
        CheckpointError: this is no ONNX graph.
        MissingDependencyError: ``onnx`` or ``onnxruntime``, whose converter is used, is missing.
    """
    onnx = import_onnx()
    converter = _import_converter()
    model = read_onnx(onnx, graph)
    _name_nodes(model.graph.node)
    converted = converter.convert_float_to_float16(
        model,
        keep_io_types=True,
        node_block_list=sorted(_wide_nodes(model.graph)),
    )
    graph_of = converted.graph
    del graph_of.value_info[:]  # the converter's, out of date after what follows
    _replace_nodes(graph_of, _sorted(_without_repeated(graph_of.node)))
    _skip_casts(onnx, converted)
    _replace_nodes(graph_of, _used(graph_of))
    content: bytes = converted.SerializeToString()
    return content


def import_onnx() -> Any:  # noqa: ANN401 - a module that may be absent
    """Return the package ``onnx``.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        return import_module("onnx")
    except ImportError as error:
        raise MissingDependencyError(
            "no package onnx", "it, to prepare the graph", "run: pip install onnx"
        ) from error


def read_onnx(onnx: Any, graph: bytes) -> Any:  # noqa: ANN401 - ONNX's own type
    """Return the ONNX model of a file's content.

    Raises:
        CheckpointError: this is no ONNX graph.
    """
    try:
        model = onnx.load_from_string(graph)
    except Exception as error:  # protobuf's error, whose package onnx hides
        raise CheckpointError(
            f"{len(graph)} bytes that are no ONNX graph ({error})",
            "what anyseg export writes",
            "export it anew",
        ) from error
    if not model.graph.node:
        raise CheckpointError(
            "an ONNX file without nodes", "what anyseg export writes", "export it anew"
        )
    return model


def _import_converter() -> Any:  # noqa: ANN401 - a module that may be absent
    try:
        return import_module("onnxruntime.transformers.float16")
    except ImportError as error:
        raise MissingDependencyError(
            "no package onnxruntime",
            "it, for its conversion to half precision",
            "run: pip install onnxruntime",
        ) from error


def _name_nodes(nodes: Iterable[Any]) -> None:
    """Give every node a name of its own: the converter tells nodes apart by it."""
    seen: set[str] = set()
    for index, node in enumerate(nodes):
        if not node.name or node.name in seen:
            node.name = f"{node.op_type}#{index}"
        seen.add(node.name)


def _wide_nodes(graph: Any) -> set[str]:  # noqa: ANN401 - ONNX's own type
    """Return the names of the nodes that stay float32."""
    nodes: Sequence[Any] = graph.node  # in topological order, as ONNX wants it
    weights = {each.name for each in graph.initializer}
    data = {each.name for each in graph.input} - weights
    products = set()
    for node in nodes:
        if node.op_type in _SHAPES or not data.intersection(node.input):
            continue
        data.update(node.output)
        if node.op_type in _PRODUCTS and not data.issuperset(node.input[:2]):
            products.add(node.name)
    before_product: set[str] = set()  # tensors that some product with weights still takes in
    float32 = 1  # TensorProto.FLOAT
    decisive = {each.name for each in graph.output if each.type.tensor_type.elem_type != float32}
    tail = set()
    for node in reversed(nodes):
        precedes = bool(before_product.intersection(node.output))
        if not precedes and decisive.intersection(node.output):
            tail.add(node.name)
            decisive.update(node.input)
        if precedes or node.name in products:
            before_product.update(node.input)
    wide = set()
    onwards: set[str] = set()  # tensors that follow one of _WIDE_ONWARDS
    for node in nodes:
        follows = node.op_type in _WIDE_ONWARDS or bool(onwards.intersection(node.input))
        if follows and node.name not in products and node.op_type not in _SHAPES:
            onwards.update(node.output)
            wide.add(node.name)
    alone = {node.name for node in nodes if node.op_type in _WIDE_ALONE}
    return wide | alone | tail


def _without_repeated(nodes: Iterable[Any]) -> list[Any]:
    """Drop what the converter adds twice: a cast for each float32 reader of the same tensor."""
    written: set[str] = set()
    kept = []
    for node in nodes:
        if not written.intersection(node.output):
            kept.append(node)
        written.update(node.output)
    return kept


def _sorted(nodes: Sequence[Any]) -> list[Any]:
    """Put each node behind those that it reads from; the converter adds its casts at the end."""
    source = {name: index for index, node in enumerate(nodes) for name in node.output}
    read = {
        index: [source[name] for name in node.input if name in source]
        for index, node in enumerate(nodes)
    }
    return [nodes[index] for index in TopologicalSorter(read).static_order()]


def _skip_casts(onnx: Any, model: Any) -> None:  # noqa: ANN401 - ONNX's own types
    """Let every node read past a cast to float16 and back, and past a cast to the same type.

    The converter leaves such a way through float16 between two float32 nodes; the values would
    lose on it what the nodes were kept wide for.
    """
    inferred = onnx.shape_inference.infer_shapes(model).graph
    types = {each.name: each.type.tensor_type.elem_type for each in inferred.value_info}
    half = onnx.TensorProto.FLOAT16
    source: dict[str, str] = {}  # a float16 cast's output: what was cast
    same: dict[str, str] = {}  # a tensor: the one that is equal to it
    for node in model.graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]
        if node.op_type != "Cast":
            continue
        node.input[0] = source.get(node.input[0], node.input[0])
        if types.get(node.input[0]) == node.attribute[0].i:
            same[node.output[0]] = node.input[0]
        elif node.attribute[0].i == half:
            source[node.output[0]] = node.input[0]


def _used(graph: Any) -> list[Any]:  # noqa: ANN401 - ONNX's own type
    """Return the nodes that an output depends on."""
    read = {each.name for each in graph.output}
    kept = []
    for node in reversed(graph.node):
        if read.intersection(node.output):
            kept.append(node)
            read.update(node.input)
    return kept[::-1]


def _replace_nodes(graph: Any, nodes: Sequence[Any]) -> None:  # noqa: ANN401 - ONNX's own type
    kept = list(nodes)
    del graph.node[:]
    graph.node.extend(kept)
