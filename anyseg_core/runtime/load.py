"""Choose a runtime for a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from anyseg_core.classes import DELIVER
from anyseg_core.errors import ConfigurationError
from anyseg_core.models import ModelCard, build_model, load_checkpoint
from anyseg_core.normalisation import DEFAULT_NORMALISATION
from anyseg_core.runtime.torch_segmenter import TorchSegmenter
from anyseg_core.weights import shipped_checkpoint

if TYPE_CHECKING:
    from anyseg_core.runtime.segmenter import Segmenter

BACKENDS = ("auto", "torch")
"""The runtimes that this version has."""

UNTRAINED_SEED = 0


def load_segmenter(
    checkpoint_or_export: str | Path = "", backend: str = "auto", device: str = "auto"
) -> Segmenter:
    """Load a network behind the runtime asked for.

    Args:
        checkpoint_or_export: a checkpoint's path; empty for the package's own weights, and while
            it has none, for an untrained Any2Seg on MiT-B0 with a fixed seed.
        backend: one of ``BACKENDS``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        ConfigurationError: an unknown backend or a device that is not here.
        CheckpointError: the checkpoint is missing, damaged or of another kind.
    """
    if backend not in BACKENDS:
        raise ConfigurationError(
            f"backend {backend!r}", f"one of {', '.join(BACKENDS)}", "choose another backend"
        )
    path = Path(checkpoint_or_export) if str(checkpoint_or_export) else shipped_checkpoint()
    if path is None:
        return _untrained(device)
    model, card = load_checkpoint(path)
    return TorchSegmenter(model, card, device=device, trained=True)


def _untrained(device: str) -> Segmenter:
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
    return TorchSegmenter(model, card, device=device, trained=False)
