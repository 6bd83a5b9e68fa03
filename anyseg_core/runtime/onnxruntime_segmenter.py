"""The network in ONNX Runtime."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from anyseg_core.errors import CheckpointError, MissingDependencyError
from anyseg_core.runtime.graph import INPUT, OUTPUTS
from anyseg_core.runtime.graph_segmenter import GraphSegmenter, refuse_device

if TYPE_CHECKING:
    from anyseg_core.models import ModelCard
    from anyseg_core.types import Float32Array, UInt8Array

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxruntimeSegmenter(GraphSegmenter):
    """A graph in ONNX Runtime; one session serves every shape, so nothing is ever compiled anew.

    Args:
        graph: an ONNX file's content.
        card: its card.
        device: ``auto`` for a GPU where ONNX Runtime has one, ``cpu`` or ``cuda``.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed.
        ConfigurationError: a device that it does not have.
        CheckpointError: it cannot read the graph.
    """

    def __init__(self, graph: bytes, card: ModelCard, *, device: str) -> None:
        super().__init__(card)
        onnxruntime = import_onnxruntime()
        available = [
            name for name, one in _PROVIDERS.items() if one in onnxruntime.get_available_providers()
        ]
        self._device = available[-1] if device == "auto" else device
        if self._device not in available:
            raise refuse_device("onnxruntime", device, f"auto or {' or '.join(available)}")
        self._version = onnxruntime.__version__
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        try:
            self._session = onnxruntime.InferenceSession(
                graph, options, providers=[_PROVIDERS[self._device]]
            )
        except Exception as error:  # its exceptions share no public base
            raise CheckpointError(
                f"a graph that ONNX Runtime {self._version} cannot read",
                "what anyseg export writes",
                "export it anew",
            ) from error

    @property
    def description(self) -> str:
        """The runtime and device, in words."""
        return f"ONNX Runtime {self._version} on {self._device}"

    def _run(self, images: Float32Array) -> tuple[UInt8Array, UInt8Array, Float32Array]:
        labels, confidence, weights = self._session.run(list(OUTPUTS), {INPUT: images})
        return labels, confidence, weights


def import_onnxruntime() -> Any:  # noqa: ANN401 - a module that may be absent
    """Return the package ``onnxruntime``.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        return import_module("onnxruntime")
    except ImportError as error:
        raise MissingDependencyError(
            "no package onnxruntime",
            "it, for the backend onnxruntime",
            "run: pip install onnxruntime",
        ) from error
