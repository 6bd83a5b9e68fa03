"""The network in OpenVINO, on the CPU."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.errors import CheckpointError, MissingDependencyError
from anyseg_core.runtime.graph import OUTPUTS
from anyseg_core.runtime.graph_cache import cache_folder
from anyseg_core.runtime.graph_segmenter import GraphSegmenter, refuse_device

if TYPE_CHECKING:
    from pathlib import Path

    from anyseg_core.models import ModelCard
    from anyseg_core.types import Float32Array, UInt8Array


class OpenvinoSegmenter(GraphSegmenter):
    """A graph in OpenVINO, compiled once for each shape: fixed shapes run fastest.

    Args:
        graph: an ONNX file's content, or the path of OpenVINO's ``.xml``.
        card: its card.
        device: ``auto`` or ``cpu``.

    Raises:
        MissingDependencyError: OpenVINO is not installed.
        ConfigurationError: another device.
        CheckpointError: OpenVINO cannot read the graph.
    """

    def __init__(self, graph: bytes | Path, card: ModelCard, *, device: str) -> None:
        super().__init__(card)
        openvino = import_openvino()
        if device not in {"auto", "cpu"}:
            raise refuse_device("openvino", device, "auto or cpu")
        self._version = str(openvino.__version__).split("-", maxsplit=1)[0]
        self._core = openvino.Core()
        try:
            self._graph = self._core.read_model(graph)
        except RuntimeError as error:
            raise CheckpointError(
                f"a graph that OpenVINO {self._version} cannot read",
                "what anyseg export writes",
                "export it anew",
            ) from error
        self._requests: dict[tuple[int, ...], Any] = {}

    @property
    def description(self) -> str:
        """The runtime and device, in words."""
        return f"OpenVINO {self._version} on cpu, float32"

    @property
    def compiled_shapes(self) -> tuple[tuple[int, ...], ...]:
        """The input shapes compiled so far."""
        return tuple(self._requests)

    def _run(self, images: Float32Array) -> tuple[UInt8Array, UInt8Array, Float32Array]:
        if images.shape not in self._requests:
            self._requests[images.shape] = self._compile(images.shape)
        request = self._requests[images.shape]
        request.infer([images], share_inputs=True)
        labels, confidence, weights = (np.array(request.get_tensor(name).data) for name in OUTPUTS)
        return labels, confidence, weights

    def _compile(self, shape: tuple[int, ...]) -> Any:  # noqa: ANN401 - OpenVINO's own type
        graph = self._graph.clone()
        graph.reshape(list(shape))
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
            "CACHE_DIR": str(cache_folder() / "openvino"),
        }
        try:
            compiled = self._core.compile_model(graph, "CPU", options)
        except RuntimeError:  # a cache that cannot be written
            del options["CACHE_DIR"]
            compiled = self._core.compile_model(graph, "CPU", options)
        return compiled.create_infer_request()


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
