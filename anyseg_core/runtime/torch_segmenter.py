"""The network in PyTorch: the reference that every other runtime is held against."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from anyseg_core.errors import ConfigurationError
from anyseg_core.models.separable import SeparableModel
from anyseg_core.runtime.graph_source import subsets_to_warm
from anyseg_core.runtime.inputs import check_tensors
from anyseg_core.runtime.kept_readings import KeptReadings
from anyseg_core.runtime.precision import FLOAT32, refuse_precision
from anyseg_core.runtime.segmenter import Prediction
from anyseg_core.runtime.warming import WarmUp, measure_warm_up

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from anyseg_core.models import ModelCard, SegmentationModel
    from anyseg_core.types import Float32Array

P = ParamSpec("P")
T = TypeVar("T")

_GRAPHS = 256
"""What PyTorch may compile of one function: a graph for each subset, and some to spare."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchOptions:
    """How PyTorch computes the network.

    Attributes:
        precision: ``float32``, ``bfloat16`` or ``float16``.
        channels_last: keep the channels of images and weights last in memory.
        compiled: let ``torch.compile`` translate it, on the first run for each shape.
    """

    precision: str = FLOAT32
    channels_last: bool = False
    compiled: bool = False


class TorchSegmenter:
    """A model in PyTorch; see ``Segmenter`` for the interface.

    Where readings have identities, and where it is compiled, each modality is encoded by itself;
    else all together, where that is faster.

    Args:
        model: the network; moved to ``device``, converted and set to evaluation in place.
        card: its card.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        trained: False for random weights.
        options: how it is computed; None for the defaults.

    Raises:
        ConfigurationError: a device or a precision that is not here.
    """

    def __init__(
        self,
        model: SegmentationModel,
        card: ModelCard,
        *,
        device: str,
        trained: bool,
        options: TorchOptions | None = None,
    ) -> None:
        self._device = select_device(device)
        self._options = options or TorchOptions()
        usable = usable_precisions(self._device)
        if self._options.precision not in usable:
            raise refuse_precision("torch", self._options.precision, usable)
        self._dtype: torch.dtype = getattr(torch, self._options.precision)
        model = model.eval().to(self._device, self._dtype)
        if self._options.channels_last:
            model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from its overloads
        self._model: SegmentationModel = model
        self._whole = self._translate(model.segment_low)
        self._halves: _Halves | None = None
        if isinstance(model, SeparableModel):
            self._halves = _Halves(
                model,
                encode=self._translate(model.encode),
                branch=self._translate(model.branch),
                fuse=self._translate(model.fuse),
            )
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
        """The runtime, its device and its options, in words."""
        options = self._options
        words = [options.precision]
        words += ["channels last"] * options.channels_last + ["compiled"] * options.compiled
        return f"PyTorch {torch.__version__} on {self._device}, {', '.join(words)}"

    def segment(
        self,
        tensors: Mapping[str, Float32Array],
        readings: Mapping[str, Hashable] | None = None,
    ) -> Prediction:
        """Segment one instant.

        Args:
            tensors: normalised float32 [3, H, W] per modality, all of one size.
            readings: see ``Segmenter.segment``.

        Raises:
            RecordError: no modality, an unknown one, or sizes that differ or are too small.
        """
        names = check_tensors(tensors, self._card.spec.modalities)
        limit = torch._dynamo.config.patch(recompile_limit=_GRAPHS)  # noqa: SLF001 - its public name
        with torch.inference_mode(), limit if self._options.compiled else nullcontext():
            logits, weights = self._run(names, tensors, readings)
            logits = functional.interpolate(
                logits.float(),
                size=tensors[names[0]].shape[1:],
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
            weights=dict(zip(names, weights.tolist(), strict=True)),
        )

    def warm_up(self, width: int, height: int) -> WarmUp:
        """Run every number of modalities once at ``width`` x ``height``.

        Compiled, every subset where the model's modalities meet inside the encoder.
        """
        alike = not self._options.compiled or self._halves is not None
        subsets = subsets_to_warm(self._card.spec.modalities, alike=alike)
        blank, reading = np.zeros((3, height, width), np.float32), object()

        def run_all() -> int:
            for names in subsets:
                self.segment(dict.fromkeys(names, blank), dict.fromkeys(names, reading))
            return len(subsets)

        return measure_warm_up(run_all)

    def _run(
        self,
        names: tuple[str, ...],
        tensors: Mapping[str, Float32Array],
        readings: Mapping[str, Hashable] | None,
    ) -> tuple[Tensor, Tensor]:
        """Return logits 1 x K x h x w and weights [M]."""
        if self._halves is None:
            images = self._upload([tensors[name] for name in names])
            output = self._whole(dict(zip(names, torch.split(images, 1), strict=True)))
            return output.logits, torch.cat([output.weights[name] for name in names])
        if readings is None and not self._options.compiled:
            return self._halves.run_at_once(names, self._upload([tensors[name] for name in names]))
        stale = self._halves.stale(tensors, readings)
        if stale:
            images = self._upload([tensors[name] for name in stale])
            self._halves.encode(stale, images, readings)
        return self._halves.fuse(names)

    def _upload(self, images: list[Float32Array]) -> Tensor:
        """Bring images to the device, M x 3 x H x W, all at once."""
        stacked = torch.from_numpy(np.stack(images))
        if self._device.type == "cuda":
            stacked = stacked.pin_memory()
        layout = torch.channels_last if self._options.channels_last else torch.preserve_format
        return stacked.to(self._device, self._dtype, non_blocking=True, memory_format=layout)

    def _translate(self, function: Callable[P, T]) -> Callable[P, T]:
        # Shapes stay as they are: each number of modalities gets a graph of its own.
        return torch.compile(function, dynamic=False) if self._options.compiled else function


class _Halves:
    """The two halves of a model, and the features of every modality between them.

    Args:
        model: the whole.
        encode: its ``encode``, maybe compiled, as the others.
        branch: its ``branch``.
        fuse: its ``fuse``.
    """

    def __init__(
        self,
        model: SeparableModel,
        *,
        encode: Callable[[Tensor], tuple[Tensor, ...]],
        branch: Callable[[str, tuple[Tensor, ...]], tuple[Tensor, ...]],
        fuse: Callable[[tuple[Tensor, ...]], tuple[Tensor, Tensor]],
    ) -> None:
        self._model = model
        self._encode, self._branch, self._fuse = encode, branch, fuse
        self._kept = KeptReadings()
        self._features: dict[str, tuple[Tensor, ...]] = {}
        self._shape: tuple[int, ...] = ()

    def run_at_once(self, names: tuple[str, ...], images: Tensor) -> tuple[Tensor, Tensor]:
        """Return what ``fuse`` does, of images M x 3 x H x W encoded together; keep nothing."""
        return self._fuse(self._model.features(names, images))

    def stale(
        self, tensors: Mapping[str, Float32Array], readings: Mapping[str, Hashable] | None
    ) -> list[str]:
        """Return which of the modalities must be encoded."""
        shape = next(iter(tensors.values())).shape
        if shape != self._shape:
            self._kept, self._shape = KeptReadings(), shape
        return [name for name in tensors if not self._kept.holds(name, readings)]

    def encode(
        self, names: list[str], images: Tensor, readings: Mapping[str, Hashable] | None
    ) -> None:
        """Encode images M x 3 x H x W one by one: what is kept equals what is made anew."""
        for name, image in zip(names, torch.split(images, 1), strict=True):
            self._kept.forget(name)
            self._features[name] = self._branch(name, self._encode(image))
            self._kept.keep(name, readings)

    def fuse(self, names: tuple[str, ...]) -> tuple[Tensor, Tensor]:
        """Return logits 1 x K x h x w and weights [M]."""
        features = zip(*(self._features[name] for name in names), strict=True)
        return self._fuse(tuple(torch.cat(each) for each in features))


def usable_precisions(device: torch.device) -> tuple[str, ...]:
    """Return the precisions that PyTorch computes quickly on a device."""
    if device.type == "cuda":
        brain = torch.cuda.is_bf16_supported(including_emulation=False)
        return (FLOAT32, *(("bfloat16",) if brain else ()), "float16")
    supported = torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001 - no public name
    return (FLOAT32, "bfloat16") if supported else (FLOAT32,)
