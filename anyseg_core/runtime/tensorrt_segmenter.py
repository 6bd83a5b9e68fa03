"""The network in TensorRT, on an NVIDIA GPU."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from anyseg_core.errors import CheckpointError
from anyseg_core.runtime.graph_cache import cache_folder
from anyseg_core.runtime.graph_segmenter import GraphSegmenter
from anyseg_core.runtime.precision import FLOAT32, refuse_precision
from anyseg_core.runtime.tensorrt_cache import EngineCache
from anyseg_core.runtime.tensorrt_device import CudaDevice
from anyseg_core.runtime.tensorrt_engine import import_tensorrt
from anyseg_core.runtime.tensorrt_graph import prepare_graph
from anyseg_core.runtime.tensorrt_network import TensorrtNetwork

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyseg_core.runtime.graph import Size
    from anyseg_core.runtime.graph_source import Graph, GraphSource
    from anyseg_core.runtime.tensorrt_engine import Engine
    from anyseg_core.runtime.tensorrt_graph import Shapes

_FLOAT16 = "float16"
_USABLE = (_FLOAT16, FLOAT32)


class TensorrtSegmenter(GraphSegmenter):
    """Graphs as TensorRT engines, built at the first start for each image size and then kept.

    New images go up together and features stay on the GPU. The encoder, for each modality, and
    every fusion are recorded as CUDA graphs when the size is first met.

    Args:
        graphs: the network's graphs and card.
        device: ``auto``, ``cuda`` or ``cuda:N``.
        precision: ``auto`` for float16, ``float16`` or ``float32``.

    Raises:
        MissingDependencyError: TensorRT is not installed.
        ConfigurationError: another device or precision, or no GPU.
    """

    def __init__(self, graphs: GraphSource, *, device: str, precision: str = "auto") -> None:
        super().__init__(graphs)
        self._version = str(import_tensorrt().__version__)
        self._precision = _FLOAT16 if precision == "auto" else precision
        if self._precision not in _USABLE:
            raise refuse_precision("tensorrt", precision, _USABLE)
        self._device = CudaDevice(device)
        self._cache = EngineCache(cache_folder() / "tensorrt")
        self._captured = True

    @property
    def description(self) -> str:
        """The runtime and device, in words."""
        graphs = "" if self._captured else ", without CUDA graphs"
        return f"TensorRT {self._version} on {self._device.gpu.name}, {self._precision}{graphs}"

    def _build(self, size: Size) -> TensorrtNetwork:
        with self._device.active():
            network = TensorrtNetwork(self._engine, self._graphs, size, self._device)
        self._captured = self._captured and network.captured
        return network

    def _engine(self, graph: Graph, profiles: Sequence[Shapes]) -> Engine:
        content = _read(graph) if isinstance(graph, Path) else graph
        prepared = prepare_graph(content, profiles, half=self._precision == _FLOAT16)
        return self._cache.engine(
            prepared,
            profiles,
            self._precision,
            self._device.gpu,
            workspace_bytes=self._device.workspace_bytes,
            device=self._device.torch_device,
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"{path}, which cannot be read ({error})",
            "an ONNX file that anyseg export wrote",
            "export it anew",
        ) from error
