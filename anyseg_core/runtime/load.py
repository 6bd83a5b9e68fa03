"""Choose a runtime for a checkpoint or an export."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from anyseg_core.classes import DELIVER
from anyseg_core.errors import ConfigurationError
from anyseg_core.models import ModelCard, build_model, load_checkpoint, read_card
from anyseg_core.models.registry import is_separable
from anyseg_core.normalisation import DEFAULT_NORMALISATION
from anyseg_core.runtime.auto_segmenter import AutoSegmenter
from anyseg_core.runtime.export_folder import ExportedGraphs
from anyseg_core.runtime.graph_cache import CachedGraphs
from anyseg_core.runtime.graph_source import subsets_to_warm
from anyseg_core.runtime.onnxruntime_segmenter import OnnxruntimeSegmenter
from anyseg_core.runtime.openvino_segmenter import OpenvinoSegmenter, openvino_precisions
from anyseg_core.runtime.precision import BFLOAT16, FLOAT32, INT8, PRECISIONS
from anyseg_core.runtime.torch_segmenter import (
    TorchOptions,
    TorchSegmenter,
    select_device,
    usable_precisions,
)
from anyseg_core.weights import shipped_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyseg_core.models import SegmentationModel
    from anyseg_core.runtime.graph_source import GraphSource
    from anyseg_core.runtime.segmenter import Segmenter

BACKENDS = (
    "auto",
    "torch",
    "torch_compiled",
    "onnxruntime",
    "onnxruntime_tensorrt",
    "openvino",
    "tensorrt",
)
"""The runtimes that this version has."""

UNTRAINED_SEED = 0


def load_segmenter(
    checkpoint_or_export: str | Path = "",
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
) -> Segmenter:
    """Load a network behind the runtime asked for.

    ``auto`` is PyTorch until ``warm_up``, which takes the fastest of the installed runtimes that
    agree with it; see ``AutoSegmenter``. For an export, which cannot be held against PyTorch, it
    is the first of OpenVINO and ONNX Runtime that is installed and reads it.

    Args:
        checkpoint_or_export: path of a checkpoint, or of a folder that ``anyseg export`` wrote;
            empty for the package's own weights, and while it has none, for an untrained Any2Seg
            on MiT-B0 with a fixed seed.
        backend: one of ``BACKENDS``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        precision: one of ``PRECISIONS``; ``auto`` is float32 on a CPU and with PyTorch, for an
            export what it was written in. With the backend ``auto`` it lets half precision compete
            where the device computes in it: on a GPU, and in OpenVINO on a CPU with AMX or
            AVX512-BF16. ``int8`` is for exports in it, as it needs data to calibrate on.

    Raises:
        ConfigurationError: an unknown backend or precision, a device that is not here, or a model
            that the backend cannot run.
        CheckpointError: the checkpoint or export is missing, damaged or of another kind.
        MissingDependencyError: the backend's package is not installed.
    """
    for what, value, known in (
        ("backend", backend, BACKENDS),
        ("precision", precision, PRECISIONS),
    ):
        if value not in known:
            raise ConfigurationError(
                f"{what} {value!r}", f"one of {', '.join(known)}", f"choose another {what}"
            )
    path = Path(checkpoint_or_export) if str(checkpoint_or_export) else shipped_checkpoint()
    if path is not None and path.is_dir():
        return _from_export(path, backend, device, precision)
    if precision == INT8:
        raise _refuse_int8(str(path or "the untrained network"))
    model, card = load_network(path)
    if backend == "auto":
        return _auto(model, card, device, precision)
    if backend in {"torch", "torch_compiled"}:
        return _torch(model, card, device, precision, compiled=backend == "torch_compiled")
    return _from_graphs(CachedGraphs(model, card), backend, device, precision)


def untimed_backend(checkpoint_or_export: str | Path = "") -> str:
    """Return the backend to take where the same one is wanted on every run of a machine.

    ``auto`` goes by times, which differ from run to run. OpenVINO where it is installed and can
    run the model, and there is no GPU; else PyTorch. An export's ``auto`` is not timed: it stays.

    Raises:
        CheckpointError: the checkpoint has no readable card.
    """
    path = Path(checkpoint_or_export) if str(checkpoint_or_export) else shipped_checkpoint()
    if path is not None and path.is_dir():
        return "auto"
    card = load_network(None)[1] if path is None else read_card(path)  # the weights are read later
    on_gpu = select_device("auto").type == "cuda"
    runs = is_separable(card.spec.name) and "openvino" in _installed_runtimes(on_gpu=on_gpu)
    return "openvino" if runs else "torch"


def load_network(path: Path | None) -> tuple[SegmentationModel, ModelCard]:
    """Load a checkpoint; for None the untrained network, whose card has no hash.

    Raises:
        CheckpointError: the checkpoint is missing, damaged or of another kind.
    """
    if path is not None:
        return load_checkpoint(path)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(UNTRAINED_SEED)
        model = build_model("any2seg", encoder="mit_b0", num_classes=len(DELIVER))
    card = ModelCard(
        spec=model.spec,
        classes=DELIVER,
        input_size=(256, 256),
        normalisation=DEFAULT_NORMALISATION,
        training_data="none: random weights",
        recipe={"seed": UNTRAINED_SEED},
        scores={},
        licence="Apache-2.0",
        sha256="",
    )
    return model.eval(), card


def default_network() -> tuple[SegmentationModel, ModelCard]:
    """Load the package's own weights; while it has none, the untrained network."""
    return load_network(shipped_checkpoint())


def _torch(
    model: SegmentationModel, card: ModelCard, device: str, precision: str, *, compiled: bool
) -> TorchSegmenter:
    exact = FLOAT32 if precision == "auto" else precision
    # Half-precision convolutions on a GPU want their channels last.
    last = exact != FLOAT32 and select_device(device).type == "cuda"
    options = TorchOptions(precision=exact, channels_last=last, compiled=compiled)
    return TorchSegmenter(model, card, device=device, trained=bool(card.sha256), options=options)


def _from_graphs(graphs: GraphSource, backend: str, device: str, precision: str) -> Segmenter:
    if backend == "openvino":
        return OpenvinoSegmenter(graphs, device=device, precision=precision)
    if backend == "tensorrt":
        # It brings parts that are of no use without a GPU.
        from anyseg_core.runtime.tensorrt_segmenter import TensorrtSegmenter  # noqa: PLC0415

        return TensorrtSegmenter(graphs, device=device, precision=precision)
    by_tensorrt = backend == "onnxruntime_tensorrt"
    return OnnxruntimeSegmenter(graphs, device=device, precision=precision, tensorrt=by_tensorrt)


def _auto(model: SegmentationModel, card: ModelCard, device: str, precision: str) -> AutoSegmenter:
    """Return the network in PyTorch, float32, with the runtimes that may turn out faster."""
    on_gpu = select_device(device).type == "cuda"
    own = deepcopy(model) if on_gpu else model  # the reference moves its model to the GPU
    reference = _torch(own, card, device, FLOAT32, compiled=False)
    candidates: dict[str, Callable[[], Segmenter]] = {}
    half = "float16" if on_gpu and precision == "auto" else precision
    if half not in {"auto", FLOAT32} and half in usable_precisions(select_device(device)):
        candidates[f"torch in {half}"] = lambda: _torch(
            deepcopy(model), card, device, half, compiled=False
        )
    for backend in _installed_runtimes(on_gpu=on_gpu):
        candidates[backend] = partial(_load_graphs, model, card, backend, device, precision)
        if backend == "openvino" and precision == "auto" and _openvino_multiplies_in_bfloat16():
            words = f"{backend} in {BFLOAT16}"
            candidates[words] = partial(_load_graphs, model, card, backend, device, BFLOAT16)
    return AutoSegmenter(reference, candidates, subsets_to_warm(card.spec.modalities, alike=True))


def _load_graphs(
    model: SegmentationModel, card: ModelCard, backend: str, device: str, precision: str
) -> Segmenter:
    return _from_graphs(CachedGraphs(model, card), backend, device, precision)


def _installed_runtimes(*, on_gpu: bool) -> list[str]:
    """Return the runtimes that run on the device and whose packages are here."""
    packages = (
        {"tensorrt": "tensorrt", "onnxruntime": "onnxruntime"}
        if on_gpu
        else {"openvino": "openvino", "onnxruntime": "onnxruntime"}
    )
    return [backend for backend, package in packages.items() if find_spec(package) is not None]


def _openvino_multiplies_in_bfloat16() -> bool:
    try:
        return BFLOAT16 in openvino_precisions()
    except Exception:  # noqa: BLE001 - whatever is wrong with it, trying it in float32 tells
        return False


def _from_export(folder: Path, backend: str, device: str, precision: str) -> Segmenter:
    graphs = ExportedGraphs(folder)
    if precision == INT8:
        if graphs.info.precision != INT8:
            raise _refuse_int8(f"{folder}, an export in {graphs.info.precision}")
        precision = "auto"  # the graphs themselves are in int8
    readers = ["openvino"]
    if graphs.info.format == "onnx":
        readers += ["onnxruntime", "onnxruntime_tensorrt", "tensorrt"]
    if backend == "auto":
        found = [name for name in _installed_runtimes(on_gpu=False) if name in readers]
        backend = found[0] if found else readers[0]
    if backend not in readers:
        raise ConfigurationError(
            f"{folder}, an export to {graphs.info.format}, with the backend {backend}",
            " or ".join(readers),
            "choose another backend, or give the checkpoint",
        )
    return _from_graphs(graphs, backend, device, precision)


def _refuse_int8(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"precision int8 for {what}",
        "an export in int8, whose scales were calibrated on data",
        "run: anyseg export CHECKPOINT --precision int8 --calibrate ROOT",
    )
