"""An ONNX graph in int8: its products of activations and weights, by calibrated scales.

Source of the arithmetic: Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", CVPR 2018, with symmetric scales alone, so that no product needs
a correction for a zero point. Where the pairs of QuantizeLinear and DequantizeLinear stand was
found by measuring OpenVINO on a CPU with VNNI: see docs/performance.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.errors import ConfigurationError, MissingDependencyError
from anyseg_core.runtime.onnxruntime_segmenter import import_onnxruntime

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

SUFFICIENT = 0.97
"""Share of pixels on which an int8 network must give PyTorch's label."""

_PRODUCTS = frozenset({"Conv", "Gemm", "MatMul"})
_VIEWS = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
_LEVELS = 127
_UNSIGNED_LEVELS = 255
_LEAST_SCALE = 1e-12


def quantise(
    graph: bytes, feeds: Iterable[Mapping[str, NDArray[Any]]], exact: Collection[str] = ()
) -> bytes:
    """Return a graph whose products are computed in int8; all else stays float32.

    Weights have a scale per output channel; activations one each, of the mean of their largest
    magnitudes over the samples. The same samples give the same file.

    Args:
        graph: an ONNX file's content.
        feeds: the graph's inputs by name, for one sample each.
        exact: inputs for which eight bits are too coarse: their products stay float32.

    Returns:
        An ONNX file's content, with pairs of QuantizeLinear and DequantizeLinear.

    Raises:
        ConfigurationError: no sample, one that leads to numbers that are not finite, or a graph
            without a product of floats.
        MissingDependencyError: ``onnx`` or ``onnxruntime`` is not installed.
    """
    network = _Network(_with_constants_folded(graph), exact)
    if not network.products:
        raise ConfigurationError(
            "a graph without a product of activations", "an encoder's graph", "quantise another"
        )
    spots = list(network.spots())
    ranges = _calibrate(network.model, {spot.tensor for spot in spots}, feeds)
    for number, spot in enumerate(spots):
        network.quantise_activation(spot, ranges[spot.tensor], f"activation{number}")
    network.quantise_weights()
    return network.serialised()


@dataclass(frozen=True, slots=True)
class _Spot:
    """A tensor to quantise, and the nodes that shall read it quantised."""

    tensor: str
    readers: list[Any] = field(default_factory=list)


class _Network:
    """A graph under work: who makes and who reads each tensor."""

    def __init__(self, model: Any, exact: Collection[str]) -> None:  # noqa: ANN401 - ONNX has no type hints
        self._onnx = _import_onnx()
        self.model = model
        self._exact = exact
        self._weights = {tensor.name: tensor for tensor in model.graph.initializer}
        self._makers = {name: node for node in model.graph.node for name in node.output}
        self._readers: dict[str, list[Any]] = {}
        for node in model.graph.node:
            for name in dict.fromkeys(node.input):
                self._readers.setdefault(name, []).append(node)
        self._outputs = {output.name for output in model.graph.output}
        self._after: dict[str, list[Any]] = {}
        self._first: list[Any] = []

    @cached_property
    def products(self) -> list[Any]:
        """The nodes to compute in int8: weights known, or both factors activations."""
        return [
            node
            for node in self.model.graph.node
            if node.op_type in _PRODUCTS and node.input[0] not in self._exact
        ]

    def spots(self) -> Iterator[_Spot]:
        """Find where activations become int8: as early as no reader needs them as floats.

        Early, as what makes them can then write int8 at once: a normalisation, a GELU.
        """
        found: dict[str, _Spot] = {}
        for product in self.products:
            for name in product.input[:2]:
                if name not in self._weights:
                    source = self._source(name)
                    found.setdefault(source, _Spot(source))
        for spot in found.values():
            spot.readers.extend(
                node
                for node in self._readers[spot.tensor]
                if self._takes_integers(node, spot.tensor)
            )
        yield from found.values()

    def quantise_activation(self, spot: _Spot, reach: tuple[float, float], name: str) -> None:
        """Let a spot's readers read it by way of int8."""
        least, most = reach
        unsigned = least >= 0.0
        scale = most / _UNSIGNED_LEVELS if unsigned else max(-least, most) / _LEVELS
        parameters = [f"{name}_scale", f"{name}_zero"]
        self._add(parameters[0], np.array(max(scale, _LEAST_SCALE), np.float32))
        self._add(parameters[1], np.array(0, np.uint8 if unsigned else np.int8))
        make = self._onnx.helper.make_node
        self._after[spot.tensor] = [
            make("QuantizeLinear", [spot.tensor, *parameters], [f"{name}_int8"]),
            make("DequantizeLinear", [f"{name}_int8", *parameters], [name]),
        ]
        for node in spot.readers:
            for place, read in enumerate(node.input):
                if read == spot.tensor:
                    node.input[place] = name

    def quantise_weights(self) -> None:
        """Replace each product's weights by int8 and a scale per output channel."""
        make = self._onnx.helper.make_node
        for number, product in enumerate(self.products):
            tensor = self._weights.get(product.input[1])
            if tensor is None:
                continue
            weights = self._onnx.numpy_helper.to_array(tensor)
            axis = 0 if product.op_type == "Conv" or _transposed(product) else weights.ndim - 1
            others = tuple(each for each in range(weights.ndim) if each != axis)
            scale = np.maximum(np.abs(weights).max(others, keepdims=True) / _LEVELS, _LEAST_SCALE)
            name = f"weights{number}"
            parts = [f"{name}_int8", f"{name}_scale", f"{name}_zero"]
            self._add(parts[0], np.rint(weights / scale).astype(np.int8))
            self._add(parts[1], scale.reshape(-1).astype(np.float32))
            self._add(parts[2], np.zeros(scale.size, np.int8))
            self._first.append(make("DequantizeLinear", parts, [name], axis=axis))
            product.input[1] = name

    def serialised(self) -> bytes:
        """Return the graph as an ONNX file, checked."""
        graph = self.model.graph
        nodes = list(self._first)
        for each in graph.input:
            nodes += self._after.get(each.name, [])
        for node in graph.node:
            nodes.append(node)
            for name in node.output:
                nodes += self._after.get(name, [])
        read = {name for node in nodes for name in node.input}
        kept = [tensor for tensor in graph.initializer if tensor.name in read]
        used = {node.domain for node in nodes}
        imports = [each for each in self.model.opset_import if each.domain in used]
        del graph.node[:], graph.initializer[:], graph.value_info[:], self.model.opset_import[:]
        self.model.opset_import.extend(imports)
        graph.node.extend(nodes)
        graph.initializer.extend(kept)
        self._onnx.checker.check_model(self.model)
        content: bytes = self.model.SerializeToString(deterministic=True)
        return content

    def _source(self, name: str) -> str:
        """Go up from a product's input through views that no one else needs as floats."""
        maker = self._makers.get(name)
        while maker is not None and maker.op_type in _VIEWS:
            if not self._takes_integers(maker, maker.input[0]):
                break
            name = maker.input[0]
            maker = self._makers.get(name)
        return name

    def _takes_integers(self, node: Any, name: str) -> bool:  # noqa: ANN401 - as above
        """Whether a tensor is a node's factor, or is viewed by it for what only takes factors."""
        if node.op_type in _PRODUCTS:
            return name in node.input[:2] and name not in node.input[2:]
        if node.op_type not in _VIEWS or set(node.output) & self._outputs:
            return False
        (view,) = node.output
        return all(
            each.op_type == "Shape" or self._takes_integers(each, view)
            for each in self._readers.get(view, [])
        )

    def _add(self, name: str, values: NDArray[Any]) -> None:
        self.model.graph.initializer.append(self._onnx.numpy_helper.from_array(values, name))


def open_float(graph: bytes) -> Any:  # noqa: ANN401 - as above
    """Open a session of ONNX Runtime for a graph, on the CPU.

    Raises:
        ConfigurationError: it cannot be read.
    """
    onnxruntime = import_onnxruntime()
    return _open(onnxruntime, graph, _options(onnxruntime))


def _calibrate(
    model: Any,  # noqa: ANN401 - as above
    tensors: set[str],
    feeds: Iterable[Mapping[str, NDArray[Any]]],
) -> dict[str, tuple[float, float]]:
    """Return the least and the greatest value of each tensor, means over the samples."""
    onnx, onnxruntime = _import_onnx(), import_onnxruntime()
    probed = onnx.ModelProto()
    probed.CopyFrom(model)
    known = {each.name for each in (*probed.graph.input, *probed.graph.output)}
    probed.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        for name in sorted(tensors - known)
    )
    session = _open(onnxruntime, probed.SerializeToString(), _options(onnxruntime))
    outputs = [each.name for each in session.get_outputs()]
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in tensors}
    for feed in feeds:
        values = dict(zip(outputs, session.run(outputs, dict(feed)), strict=True)) | dict(feed)
        for name, reaches in found.items():
            reaches.append((float(values[name].min()), float(values[name].max())))
    ranges = {name: np.array(reaches) for name, reaches in found.items()}
    _check_ranges(ranges)
    return {
        name: (float(least), float(most))
        for name, (least, most) in ((name, each.mean(0)) for name, each in ranges.items())
    }


def _check_ranges(ranges: Mapping[str, NDArray[np.float64]]) -> None:
    if not all(len(each) for each in ranges.values()):
        raise ConfigurationError(
            "no sample to calibrate int8 with",
            "one or more; about 32, of all conditions, are plenty",
            "name a data set that holds some",
        )
    if not all(np.isfinite(each).all() for each in ranges.values()):
        raise ConfigurationError(
            "samples or weights that lead to numbers that are not finite",
            "finite numbers everywhere",
            "check the checkpoint and the samples",
        )


def _with_constants_folded(graph: bytes) -> Any:  # noqa: ANN401 - as above
    """Return the graph with whatever follows from its weights alone computed."""
    onnx, onnxruntime = _import_onnx(), import_onnxruntime()
    options = _options(onnxruntime)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with TemporaryDirectory() as folder:
        path = Path(folder) / "folded.onnx"
        options.optimized_model_filepath = str(path)
        _open(onnxruntime, graph, options)
        return onnx.load(path)


def _options(onnxruntime: Any) -> Any:  # noqa: ANN401 - as above
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    return options


def _open(onnxruntime: Any, graph: bytes, options: Any) -> Any:  # noqa: ANN401 - as above
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no public base
        raise ConfigurationError(
            f"a graph that ONNX Runtime {onnxruntime.__version__} cannot read",
            "an ONNX file",
            "export the checkpoint anew",
        ) from error


def _transposed(node: Any) -> bool:  # noqa: ANN401 - as above
    return any(each.name == "transB" and each.i for each in node.attribute)


def _import_onnx() -> Any:  # noqa: ANN401 - a module that may be absent
    try:
        onnx = import_module("onnx")
        import_module("onnx.numpy_helper")
    except ImportError as error:
        raise MissingDependencyError(
            "no package onnx", "it, to write int8 graphs", "run: pip install onnx"
        ) from error
    return onnx
