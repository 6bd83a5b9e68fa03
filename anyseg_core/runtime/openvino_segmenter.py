"""The network in OpenVINO, on the CPU."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.errors import CheckpointError, MissingDependencyError
from anyseg_core.processes import usable_cores
from anyseg_core.runtime.feature_bank import FeatureBank
from anyseg_core.runtime.graph import INPUT, feature_names, map_names
from anyseg_core.runtime.graph_cache import cache_folder
from anyseg_core.runtime.graph_segmenter import GraphSegmenter, refuse_device
from anyseg_core.runtime.head_tail import HeadTail
from anyseg_core.runtime.precision import BFLOAT16, FLOAT32, refuse_precision

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from anyseg_core.runtime.graph import Size
    from anyseg_core.runtime.graph_source import Graph, GraphSource
    from anyseg_core.types import Float32Array, UInt8Array

_HINTS = {FLOAT32: "f32", BFLOAT16: "bf16"}
_CAPABILITIES = {FLOAT32: "FP32", BFLOAT16: "BF16"}


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
        usable = openvino_precisions()
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

    def compile(
        self,
        graph: Graph,
        shapes: Mapping[str, tuple[int, ...]],
        streams: int = 1,
        *,
        pinned: bool = True,
    ) -> Any:  # noqa: ANN401 - OpenVINO's own type
        """Compile a graph for input shapes.

        Args:
            graph: what to compile.
            shapes: of its inputs.
            streams: how many requests share the cores at once; 1 gives one request all of them.
            pinned: whether each stream keeps to cores of its own. Of several graphs each chooses
                for itself: where two run at once, both may choose the same core.

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
        options: dict[str, str | int] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": _HINTS[self._precision],
            "CACHE_DIR": str(cache_folder() / "openvino"),
        }
        if streams > 1:
            options["NUM_STREAMS"] = streams
        if not pinned:
            options["ENABLE_CPU_PINNING"] = False
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
        count = len(graphs.card.spec.modalities)
        self._alone = FirstHalf(segmenter, graphs, size, lanes=1)
        shapes = self._alone.feature_shapes
        self._names = feature_names(len(shapes))
        self._bank = FeatureBank(count, [shape[1:] for shape in shapes])
        tensor = import_openvino().Tensor
        self._slots = [
            [tensor(each.numpy(), shared_memory=True) for each in self._bank.slot(index)]
            for index in range(count)
        ]
        lanes = min(count, usable_cores())
        self._together = (
            FirstHalf(segmenter, graphs, size, lanes=lanes) if lanes > 1 else self._alone
        )
        self._waiting: dict[int, Float32Array] = {}
        self._tail = HeadTail(graphs.card.spec, graphs.classifier)
        self._fusions: dict[int, Any] = {}

    def encode(self, index: int, image: Float32Array) -> None:
        """Take an image for one modality, for the next ``fuse``; see ``SizedNetwork``."""
        self._waiting[index] = image

    def fuse(self, indices: tuple[int, ...]) -> tuple[UInt8Array, UInt8Array, Float32Array]:
        """Encode what waits, then fuse; see ``SizedNetwork``."""
        self._encode_waiting()
        features = [each.numpy() for each in self._bank.gather(indices)]
        return self._tail.fuse(features, self._fused_maps, self._size)

    def _fused_maps(self, features: Sequence[Float32Array]) -> Sequence[Float32Array]:
        request = self._fusion(len(features[0]))
        inputs = dict(zip(self._names, features, strict=True))
        request.infer(inputs, share_inputs=True, share_outputs=True)
        *maps, weights = (each.data for each in request.output_tensors)
        return *maps, np.array(weights)  # the weights are the caller's own

    def _encode_waiting(self) -> None:
        """Encode as many images at once as there are lanes, and a last one on all cores."""
        waiting = sorted(self._waiting.items())
        while waiting:
            half = self._together if len(waiting) > 1 else self._alone
            group, waiting = waiting[: half.lanes], waiting[half.lanes :]
            half.run([(index, image, self._slots[index]) for index, image in group])
        self._waiting.clear()

    def _fusion(self, count: int) -> Any:  # noqa: ANN401 - OpenVINO's own type
        if count not in self._fusions:
            shapes = {
                name: (count, *shape[1:])
                for name, shape in zip(self._names, self._alone.feature_shapes, strict=True)
            }
            compiled = self._segmenter.compile(self._graphs.fused_maps(self._size), shapes)
            self._fusions[count] = compiled.create_infer_request()
        return self._fusions[count]


class FirstHalf:
    """The encoder and the branches, on images of several modalities at once.

    A core each is better for two images than both cores for one after the other: threads that
    share a layer wait for each other after each. The numbers are the same to the last bit.

    Args:
        segmenter: compiles.
        graphs: the network's.
        size: of the images.
        lanes: how many images are encoded at once; one alone has all cores.
    """

    def __init__(
        self, segmenter: OpenvinoSegmenter, graphs: GraphSource, size: Size, *, lanes: int
    ) -> None:
        self.lanes = lanes
        compiled = segmenter.compile(graphs.encoder(size), {INPUT: (1, 3, *size)}, lanes)
        self._encoders = [compiled.create_infer_request() for _ in range(lanes)]
        shapes = _output_shapes(compiled)
        self._maps = map_names(len(shapes))
        self._branches = []
        if graphs.has_branches:
            given = dict(zip(self._maps, shapes, strict=True))
            own = [
                segmenter.compile(graphs.branch(name, size), given, lanes, pinned=False)
                for name in graphs.card.spec.modalities
            ]
            self._branches = [each.create_infer_request() for each in own]
            shapes = _output_shapes(own[0])
        self.feature_shapes = shapes
        self._features = feature_names(len(shapes))

    def run(self, images: Sequence[tuple[int, Float32Array, Sequence[Any]]]) -> None:
        """Encode images.

        Args:
            images: at most one for each lane: the modality's place, 3 x H x W, and the memory of
                its features.
        """
        lanes = list(zip(self._encoders, images, strict=False))
        for encoder, (_, image, slots) in lanes:
            if not self._branches:
                _set_tensors(encoder, self._maps, slots)
            encoder.start_async([image[None]], share_inputs=True)
        for encoder, (index, _, slots) in lanes:
            encoder.wait()
            if self._branches:
                branch = self._branches[index]
                _set_tensors(branch, self._maps, encoder.output_tensors)
                _set_tensors(branch, self._features, slots)
                branch.start_async(share_inputs=True)
        for _, (index, _, _) in lanes if self._branches else ():
            self._branches[index].wait()


def _set_tensors(request: Any, names: Iterable[str], tensors: Iterable[Any]) -> None:  # noqa: ANN401 - as above
    for name, tensor in zip(names, tensors, strict=True):
        request.set_tensor(name, tensor)


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


def openvino_precisions() -> list[str]:
    """Return the precisions in which OpenVINO computes on this CPU, without emulation.

    Raises:
        MissingDependencyError: OpenVINO is not installed.
    """
    known = openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return [name for name, capability in _CAPABILITIES.items() if capability in known]


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
