"""The network in ONNX Runtime."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from anyseg_core.errors import CheckpointError, ConfigurationError, MissingDependencyError
from anyseg_core.runtime.feature_bank import FeatureBank
from anyseg_core.runtime.graph import INPUT, OUTPUTS, feature_names, map_names
from anyseg_core.runtime.graph_cache import cache_folder
from anyseg_core.runtime.graph_segmenter import GraphSegmenter, refuse_device
from anyseg_core.runtime.head_tail import HeadTail
from anyseg_core.runtime.precision import FLOAT32, refuse_precision
from anyseg_core.runtime.torch_segmenter import select_device

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from anyseg_core.runtime.graph import Size
    from anyseg_core.runtime.graph_source import Graph, GraphSource
    from anyseg_core.types import Float32Array, UInt8Array

    Segmented = tuple[UInt8Array, UInt8Array, Float32Array]

_CPU, _CUDA, _TENSORRT = (f"{name}ExecutionProvider" for name in ("CPU", "CUDA", "Tensorrt"))

Shapes = dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
"""The least and the greatest shape of each input."""


class OnnxruntimeSegmenter(GraphSegmenter):
    """Graphs in ONNX Runtime; one session serves every number of modalities.

    Features stay on the device between encoder and fusion. With TensorRT, ONNX Runtime hands it
    what it can run and keeps the engines, built for a range of shapes, in anyseg's cache.

    Args:
        graphs: the network's graphs and card.
        device: ``auto`` for a GPU where ONNX Runtime and PyTorch have one, ``cpu``, ``cuda`` or
            ``cuda:N``.
        precision: ``auto`` or ``float32``; with TensorRT also ``float16``.
        tensorrt: whether to run on TensorRT; CUDA takes what that cannot run.
        whole_fusion: run the fusion's whole graph on the CPU too, as GPUs do, instead of compiled
            loops behind the first part of it, which are faster.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed, or not with that provider.
        ConfigurationError: a device or precision that it does not have.
    """

    def __init__(
        self,
        graphs: GraphSource,
        *,
        device: str,
        precision: str = "auto",
        tensorrt: bool = False,
        whole_fusion: bool = False,
    ) -> None:
        super().__init__(graphs)
        self._package = import_onnxruntime()
        self._device = _select(self._package.get_available_providers(), device, tensorrt=tensorrt)
        self._tensorrt = tensorrt
        self._whole_fusion = whole_fusion
        self._precision = FLOAT32 if precision == "auto" else precision
        usable = (FLOAT32, "float16") if tensorrt else (FLOAT32,)
        if self._precision not in usable:
            raise refuse_precision("onnxruntime", precision, usable)

    @property
    def description(self) -> str:
        """The runtime and device, in words."""
        by = " by TensorRT" if self._tensorrt else ""
        version = self._package.__version__
        whole = ", the fusion in one graph" if self._whole_fusion else ""
        return f"ONNX Runtime {version} on {self._device}{by}, {self._precision}{whole}"

    def _build(self, size: Size) -> _OnnxruntimeNetwork:
        whole = self._whole_fusion or self._device.type != "cpu"
        fusion = (_WholeFusion if whole else _FusionInLoops)(self, self._graphs, size)
        return _OnnxruntimeNetwork(self, self._graphs, size, self._device, fusion)

    def open(self, graph: Graph, shapes: Shapes) -> Any:  # noqa: ANN401 - ONNX Runtime's own type
        """Open a session for a graph.

        Raises:
            CheckpointError: ONNX Runtime cannot read the graph.
            ConfigurationError: the provider is there, but its libraries are not.
        """
        options = self._package.SessionOptions()
        options.log_severity_level = 3  # errors only
        # Else each session's threads wait actively after its run, on the cores of the next one.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = self._providers(shapes)
        try:
            session = self._package.InferenceSession(
                str(graph) if isinstance(graph, Path) else graph, options, providers=providers
            )
        except Exception as error:  # its exceptions share no public base
            raise CheckpointError(
                f"a graph that ONNX Runtime {self._package.__version__} cannot read",
                "what anyseg export --format onnx writes",
                "export it anew",
            ) from error
        wanted = providers[0][0]
        if wanted not in session.get_providers():  # it goes on without, saying so in its log alone
            raise ConfigurationError(
                f"ONNX Runtime's {wanted}, whose libraries cannot be loaded",
                "CUDA, cuDNN and, for TensorRT, its libraries in the versions that it names",
                "install them, or choose the device cpu",
            )
        return session

    def _providers(self, shapes: Shapes) -> list[tuple[str, dict[str, Any]]]:
        """Return the providers in order of preference, with their options.

        Source: ONNX Runtime's pages on its CUDA and TensorRT execution providers.
        """
        if self._device.type == "cpu":
            return [(_CPU, {})]
        number = {"device_id": self._device.index or 0}
        providers = [(_CUDA, number), (_CPU, {})]
        if not self._tensorrt:
            return providers
        folder = str(cache_folder() / "onnxruntime_tensorrt")
        options = number | {
            "trt_fp16_enable": self._precision == "float16",
            "trt_engine_cache_enable": True,
            "trt_engine_cache_path": folder,
            "trt_timing_cache_enable": True,
            "trt_timing_cache_path": folder,
            "trt_profile_min_shapes": _profile(
                {name: least for name, (least, _) in shapes.items()}
            ),
            "trt_profile_opt_shapes": _profile({name: most for name, (_, most) in shapes.items()}),
            "trt_profile_max_shapes": _profile({name: most for name, (_, most) in shapes.items()}),
        }
        return [(_TENSORRT, options), *providers]


class _OnnxruntimeNetwork:
    """See ``SizedNetwork``; the first half writes straight into what the fusion reads."""

    def __init__(
        self,
        segmenter: OnnxruntimeSegmenter,
        graphs: GraphSource,
        size: Size,
        device: torch.device,
        fusion: _FusionInLoops | _WholeFusion,
    ) -> None:
        modalities = graphs.card.spec.modalities
        self._fusion = fusion
        shape = (1, 3, *size)
        self._encoder = segmenter.open(graphs.encoder(size), {INPUT: (shape, shape)})
        self._outputs = map_names(len(self._encoder.get_outputs()))
        maps = self._encoder.run(list(self._outputs), {INPUT: np.zeros(shape, np.float32)})
        self._branches: list[Any] = []
        self._maps: tuple[Tensor, ...] = ()
        features = maps
        if graphs.has_branches:
            self._maps = tuple(torch.from_numpy(each).to(device) for each in maps)
            given = {n: (each.shape,) * 2 for n, each in zip(self._outputs, maps, strict=True)}
            self._branches = [
                segmenter.open(graphs.branch(name, size), given) for name in modalities
            ]
            features = self._branches[0].run(None, dict(zip(self._outputs, maps, strict=True)))
        self._names = feature_names(len(features))
        shapes = [each.shape[1:] for each in features]
        self._bank = FeatureBank(len(modalities), shapes, device)

    def encode(self, index: int, image: Float32Array) -> None:
        """Encode one modality; see ``SizedNetwork``."""
        binding = self._encoder.io_binding()
        binding.bind_cpu_input(INPUT, np.ascontiguousarray(image[None]))
        slots = self._bank.slot(index)
        for name, each in zip(self._outputs, self._maps or slots, strict=True):
            binding.bind_output(name, **_place(each))
        self._encoder.run_with_iobinding(binding)
        if not self._branches:
            return
        binding = self._branches[index].io_binding()
        for name, each in zip(self._outputs, self._maps, strict=True):
            binding.bind_input(name, **_place(each))
        for name, slot in zip(self._names, slots, strict=True):
            binding.bind_output(name, **_place(slot))
        self._branches[index].run_with_iobinding(binding)

    def fuse(self, indices: tuple[int, ...]) -> Segmented:
        """Fuse; see ``SizedNetwork``."""
        return self._fusion.fuse(self._bank.gather(indices))


class _FusionInLoops:
    """The fusion on a CPU: a graph as far as the head's maps, and compiled loops for the rest."""

    def __init__(self, segmenter: OnnxruntimeSegmenter, graphs: GraphSource, size: Size) -> None:
        self._segmenter, self._graphs, self._size = segmenter, graphs, size
        self._tail = HeadTail(graphs.card.spec, graphs.classifier)
        self._session: Any = None

    def fuse(self, features: Sequence[Tensor]) -> Segmented:
        arrays = [each.numpy() for each in features]
        return self._tail.fuse(arrays, self._fused_maps, self._size)

    def _fused_maps(self, features: Sequence[Float32Array]) -> Sequence[Float32Array]:
        if self._session is None:
            self._session = self._segmenter.open(self._graphs.fused_maps(self._size), {})
        names = feature_names(len(features))
        maps: list[Float32Array] = self._session.run(None, dict(zip(names, features, strict=True)))
        return maps


class _WholeFusion:
    """The fusion in one graph, on a GPU: the features are there, and only labels come back."""

    def __init__(self, segmenter: OnnxruntimeSegmenter, graphs: GraphSource, size: Size) -> None:
        self._segmenter, self._graphs, self._size = segmenter, graphs, size
        self._session: Any = None

    def fuse(self, features: Sequence[Tensor]) -> Segmented:
        if self._session is None:
            self._session = self._open(features)
        binding = self._session.io_binding()
        if features[0].device.type == "cuda":  # ONNX Runtime runs on a stream of its own
            torch.cuda.synchronize(features[0].device)
        for name, each in zip(feature_names(len(features)), features, strict=True):
            binding.bind_input(name, **_place(each))
        for name in OUTPUTS:
            binding.bind_output(name, "cpu")
        self._session.run_with_iobinding(binding)
        labels, confidence, weights = binding.copy_outputs_to_cpu()
        return labels, confidence, weights

    def _open(self, features: Sequence[Tensor]) -> Any:  # noqa: ANN401 - ONNX Runtime's own type
        most = len(self._graphs.card.spec.modalities)
        shapes: Shapes = {}
        for name, each in zip(feature_names(len(features)), features, strict=True):
            shape = tuple(each.shape[1:])
            shapes[name] = ((1, *shape), (most, *shape))
        return self._segmenter.open(self._graphs.fusion(self._size), shapes)


def _place(tensor: Tensor) -> dict[str, Any]:
    return {
        "device_type": tensor.device.type,
        "device_id": tensor.device.index or 0,
        "element_type": np.float32,
        "shape": tuple(tensor.shape),
        "buffer_ptr": tensor.data_ptr(),
    }


def _select(available: Sequence[str], device: str, *, tensorrt: bool) -> torch.device:
    """Return the device to run on.

    Raises:
        MissingDependencyError: this build of ONNX Runtime lacks the provider.
        ConfigurationError: PyTorch lacks the device.
    """
    wanted = _TENSORRT if tensorrt else _CUDA
    if device == "auto":
        on_gpu = torch.cuda.is_available() and wanted in available
        device = "cuda" if on_gpu or tensorrt else "cpu"
    kind = device.partition(":")[0]
    if kind not in {"cpu", "cuda"} or (kind == "cpu" and tensorrt):
        known = "cuda or cuda:N" if tensorrt else "auto, cpu, cuda or cuda:N"
        raise refuse_device("onnxruntime", device, known)
    if kind == "cuda" and wanted not in available:
        raise MissingDependencyError(
            f"ONNX Runtime without its {wanted} (it has {', '.join(available)})",
            "a build for GPUs",
            "run: pip install onnxruntime-gpu; or choose the device cpu",
        )
    return select_device(device)


def _profile(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Return shapes as ONNX Runtime's TensorRT options write them: ``name:1x3x64x96``."""
    return ",".join(f"{name}:{'x'.join(map(str, shape))}" for name, shape in shapes.items())


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
