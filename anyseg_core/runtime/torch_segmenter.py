"""The network in PyTorch: the reference that every other runtime is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from anyseg_core.errors import ConfigurationError
from anyseg_core.runtime.inputs import check_tensors
from anyseg_core.runtime.segmenter import Prediction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyseg_core.models import ModelCard, SegmentationModel
    from anyseg_core.types import Float32Array


def select_device(device: str) -> torch.device:
    """Return the torch device for ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        ConfigurationError: no such device here.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        selected = torch.device(device)
    except RuntimeError:
        selected = None
    known = selected is not None and selected.type in {"cpu", "cuda"}
    if selected is None or not known or (selected.type == "cuda" and not torch.cuda.is_available()):
        raise ConfigurationError(
            f"device {device!r}",
            "auto, cpu" + (", cuda or cuda:N" if torch.cuda.is_available() else ""),
            "choose a device that this PyTorch can use"
            + ("" if torch.cuda.is_available() else " (no CUDA device is visible to it)"),
        )
    return selected


class TorchSegmenter:
    """A model in eager PyTorch; see ``Segmenter`` for the interface.

    Args:
        model: the network; moved to ``device`` and set to evaluation.
        card: its card.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        trained: False for random weights.
    """

    def __init__(
        self, model: SegmentationModel, card: ModelCard, *, device: str, trained: bool
    ) -> None:
        self._device = select_device(device)
        self._model = model.eval().to(self._device)
        self._card = card
        self._trained = trained

    @property
    def card(self) -> ModelCard:
        """What the network was trained on."""
        return self._card

    @property
    def trained(self) -> bool:
        """Whether the weights come from training."""
        return self._trained

    @property
    def description(self) -> str:
        """The runtime and device, in words."""
        return f"PyTorch {torch.__version__} on {self._device}"

    def segment(self, tensors: Mapping[str, Float32Array]) -> Prediction:
        """Segment one instant.

        Args:
            tensors: normalised float32 [3, H, W] per modality, all of one size.

        Raises:
            RecordError: no modality, an unknown one, or sizes that differ.
        """
        check_tensors(tensors, self._card.spec.modalities)
        batch = {
            name: torch.from_numpy(tensor).unsqueeze(0).to(self._device)
            for name, tensor in tensors.items()
        }
        with torch.inference_mode():
            output = self._model.segment_low(batch)
            logits = functional.interpolate(
                output.logits.float(),
                size=next(iter(batch.values())).shape[-2:],
                mode="bilinear",
                align_corners=False,
            )
            best, labels = logits.max(dim=1)
            # softmax of the winner alone: one exponential per class, no K x H x W division
            probability = (best - torch.logsumexp(logits, dim=1)).exp()
            confidence = (probability * 255).round()
        return Prediction(
            labels=labels[0].to(torch.uint8).cpu().numpy(),
            confidence=confidence[0].to(torch.uint8).cpu().numpy(),
            weights={name: float(weight[0]) for name, weight in output.weights.items()},
        )

    def warm_up(self, width: int, height: int) -> None:
        """Run every number of modalities once at ``width`` x ``height``."""
        blank = torch.zeros(3, height, width).numpy()
        names = self._card.spec.modalities
        for count in range(1, len(names) + 1):
            self.segment(dict.fromkeys(names[:count], blank))
