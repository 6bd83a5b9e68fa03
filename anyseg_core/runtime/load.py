"""Choose a runtime for a checkpoint or an export."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from anyseg_core.classes import DELIVER
from anyseg_core.errors import ConfigurationError
from anyseg_core.models import ModelCard, build_model, load_checkpoint
from anyseg_core.normalisation import DEFAULT_NORMALISATION
from anyseg_core.runtime.auto_segmenter import AutoSegmenter
from anyseg_core.runtime.export_folder import read_export
from anyseg_core.runtime.graph_cache import exported
from anyseg_core.runtime.onnxruntime_segmenter import OnnxruntimeSegmenter
from anyseg_core.runtime.openvino_segmenter import OpenvinoSegmenter
from anyseg_core.runtime.torch_segmenter import TorchSegmenter, select_device
from anyseg_core.weights import shipped_checkpoint

if TYPE_CHECKING:
    from anyseg_core.models import SegmentationModel
    from anyseg_core.runtime.segmenter import Segmenter

BACKENDS = ("auto", "torch", "onnxruntime", "openvino")
"""The runtimes that this version has."""

UNTRAINED_SEED = 0


def load_segmenter(
    checkpoint_or_export: str | Path = "", backend: str = "auto", device: str = "auto"
) -> Segmenter:
    """Load a network behind the runtime asked for.

    ``auto`` is OpenVINO on the CPU where that is installed and agrees with PyTorch, else PyTorch:
    ONNX Runtime was not found faster than PyTorch. For an export, which cannot be held against
    PyTorch, it is the first of OpenVINO and ONNX Runtime that is installed.

    Args:
        checkpoint_or_export: path of a checkpoint, or of a folder that ``anyseg export`` wrote;
            empty for the package's own weights, and while it has none, for an untrained Any2Seg
            on MiT-B0 with a fixed seed.
        backend: one of ``BACKENDS``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        ConfigurationError: an unknown backend, a device that is not here, or a model that the
            backend cannot run.
        CheckpointError: the checkpoint or export is missing, damaged or of another kind.
        MissingDependencyError: the backend's package is not installed.
    """
    if backend not in BACKENDS:
        raise ConfigurationError(
            f"backend {backend!r}", f"one of {', '.join(BACKENDS)}", "choose another backend"
        )
    path = Path(checkpoint_or_export) if str(checkpoint_or_export) else shipped_checkpoint()
    if path is not None and path.is_dir():
        return _from_export(path, backend, device)
    model, card = load_network(path)
    if backend == "onnxruntime":
        return OnnxruntimeSegmenter(exported(model), card, device=device)
    if backend == "openvino":
        return OpenvinoSegmenter(exported(model), card, device=device)
    # before the model moves to another device
    reference = TorchSegmenter(model, card, device=device, trained=bool(card.sha256))
    on_cpu = select_device(device).type == "cpu"
    if backend == "torch" or not on_cpu or not _installed("openvino"):
        return reference
    return AutoSegmenter(reference, lambda: OpenvinoSegmenter(exported(model), card, device="cpu"))


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


def _from_export(folder: Path, backend: str, device: str) -> Segmenter:
    graph, card = read_export(folder)
    if backend == "auto":
        backend = "openvino" if _installed("openvino") else "onnxruntime"
    if backend == "openvino":
        return OpenvinoSegmenter(graph, card, device=device)
    if backend == "onnxruntime" and isinstance(graph, bytes):
        return OnnxruntimeSegmenter(graph, card, device=device)
    raise ConfigurationError(
        f"{folder}, an export, with the backend {backend}",
        "openvino" + (" or onnxruntime" if isinstance(graph, bytes) else ""),
        "choose another backend, or give the checkpoint",
    )


def _installed(package: str) -> bool:
    return find_spec(package) is not None
