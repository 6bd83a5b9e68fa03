"""The network in OpenVINO, on the CPU."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.errors import CheckpointError, MissingDependencyError
from anyseg_core.runtime.feature_bank import FeatureBank
from anyseg_core.runtime.graph import INPUT, OUTPUTS, feature_names, map_names
from anyseg_core.runtime.graph_cache import cache_folder
from anyseg_core.runtime.graph_segmenter import GraphSegmenter, refuse_device
from anyseg_core.runtime.precision import FLOAT32, refuse_precision

if TYPE_CHECKING:
    from anyseg_core.runtime.graph import Size
    from anyseg_core.runtime.graph_source import Graph, GraphSource
    from anyseg_core.types import Float32Array, UInt8Array

_HINTS = {"float32": "f32", "bfloat16": "bf16"}
_CAPABILITIES = {"float32": "FP32", "bfloat16": "BF16"}


class OpenvinoSegmenter(GraphSegmenter):
    """Graphs in OpenVINO, compiled once for each shape: fixed shapes run fastest.

    Args:
        graphs: the network's graphs and card.
        device: ``auto`` or ``cpu``.
        precision: ``auto`` for float32, ``float32``, or ``bfloat16`` where the CPU computes in it.

    Raises:
        MissingDependencyError: OpenVINO is not installed.
        ConfigurationError: another device, or a precision that the CPU lacks.
    """

    def __init__(self, graphs: GraphSource, *, device: str, precision: str = "auto") -> None:
        super().__init__(graphs)
        openvino = import_openvino()
        if device not in {"auto", "cpu"}:
            raise refuse_device("openvino", device, "auto or cpu")
        self._core = openvino_core()
        known = self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        usable = [name for name, capability in _CAPABILITIES.items() if capability in known]
        self._precision = FLOAT32 if precision == "auto" else precision
        if self._precision not in usable:
            raise refuse_precision("openvino", precision, usable)
        self._version = str(openvino.__version__).split("-", maxsplit=1)[0]
        self._compiled: list[tuple[int, ...]] = []

    @property
    def description(self) -> str:
        """The runtime and device, in words."""
        return f"OpenVINO {self._version} on cpu, {self._precision}"

    @property
    def compiled_shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of the first input of each graph compiled so far."""
        return tuple(self._compiled)

    def _build(self, size: Size) -> _OpenvinoNetwork:
        return _OpenvinoNetwork(self, self._graphs, size)

    def compile(self, graph: Graph, shapes: dict[str, tuple[int, ...]]) -> Any:  # noqa: ANN401 - OpenVINO's own type
        """Compile a graph for input shapes.

        Raises:
            CheckpointError: OpenVINO cannot read the graph, or it is for other shapes.
        """
        try:
            model = self._core.read_model(graph)
            model.reshape({name: list(shape) for name, shape in shapes.items()})
        except RuntimeError as error:
            raise CheckpointError(
                f"a graph that OpenVINO {self._version} cannot read for {shapes}",
                "what anyseg export writes",
                "export it anew",
            ) from error
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": _HINTS[self._precision],
            "CACHE_DIR": str(cache_folder() / "openvino"),
        }
        self._compiled.append(next(iter(shapes.values())))
        try:
            return self._core.compile_model(model, "CPU", options)
        except RuntimeError:  # a cache that cannot be written
            del options["CACHE_DIR"]
            return self._core.compile_model(model, "CPU", options)


class _OpenvinoNetwork:
    """See ``SizedNetwork``; the first half writes straight into what the fusion reads."""

    def __init__(self, segmenter: OpenvinoSegmenter, graphs: GraphSource, size: Size) -> None:
        self._segmenter, self._graphs, self._size = segmenter, graphs, size
        modalities = graphs.card.spec.modalities
        compiled = segmenter.compile(graphs.encoder(size), {INPUT: (1, 3, *size)})
        self._encoder = compiled.create_infer_request()
        shapes = _output_shapes(compiled)
        self._outputs = map_names(len(shapes))
        self._branches = []
        if graphs.has_branches:
            given = dict(zip(self._outputs, shapes, strict=True))
            own = [segmenter.compile(graphs.branch(name, size), given) for name in modalities]
            self._branches = [each.create_infer_request() for each in own]
            shapes = _output_shapes(own[0])
        self._names = feature_names(len(shapes))
        self._bank = FeatureBank(len(modalities), [shape[1:] for shape in shapes])
        tensor = import_openvino().Tensor
        self._slots = [
            [tensor(each.numpy(), shared_memory=True) for each in self._bank.slot(index)]
            for index in range(len(modalities))
        ]
        for request, slots in zip(self._branches, self._slots, strict=False):
            for name in self._outputs:
                request.set_tensor(name, self._encoder.get_tensor(name))
            for name, slot in zip(self._names, slots, strict=True):
                request.set_tensor(name, slot)
        self._fusions: dict[int, Any] = {}

    def encode(self, index: int, image: Float32Array) -> None:
        """Encode one modality; see ``SizedNetwork``."""
        if not self._branches:
            for name, slot in zip(self._outputs, self._slots[index], strict=True):
                self._encoder.set_tensor(name, slot)
        self._encoder.infer([image[None]], share_inputs=True, share_outputs=True)
        if self._branches:
            self._branches[index].infer(share_inputs=True, share_outputs=True)

    def fuse(self, indices: tuple[int, ...]) -> tuple[UInt8Array, UInt8Array, Float32Array]:
        """Fuse; see ``SizedNetwork``."""
        features = dict(zip(self._names, self._bank.gather(indices), strict=True))
        count = len(indices)
        if count not in self._fusions:
            shapes = {name: tuple(each.shape) for name, each in features.items()}
            compiled = self._segmenter.compile(self._graphs.fusion(self._size), shapes)
            self._fusions[count] = compiled.create_infer_request()
        request = self._fusions[count]
        inputs = {name: each.numpy() for name, each in features.items()}
        request.infer(inputs, share_inputs=True, share_outputs=True)
        labels, confidence, weights = (np.array(request.get_tensor(name).data) for name in OUTPUTS)
        return labels, confidence, weights


def _output_shapes(compiled: Any) -> list[tuple[int, ...]]:  # noqa: ANN401 - OpenVINO's own type
    return [tuple(output.shape) for output in compiled.outputs]


def import_openvino() -> Any:  # noqa: ANN401 - a module that may be absent
    """Return the package ``openvino``.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        return import_module("openvino")
    except ImportError as error:
        raise MissingDependencyError(
            "no package openvino", "it, for the backend openvino", "run: pip install openvino"
        ) from error


@cache
def openvino_core() -> Any:  # noqa: ANN401 - OpenVINO's own type
    """Return the process's one ``openvino.Core``, which stays until its end.

    OpenVINO's CPU plugin gives its thread a stack for signal handlers, and when it goes it brings
    back the one before. Of two that overlap, the second so brings back the first one's after that
    is gone, and the next signal that Python handles, such as a child's end, ends the process.

    Raises:
        MissingDependencyError: OpenVINO is not installed.
    """
    return import_openvino().Core()
