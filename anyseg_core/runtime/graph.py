"""The network as ONNX graphs: one encodes a modality, one fuses those that are present.

The encoder's graph serves every modality, so a sensor that fails changes no shape, and the features
of a reading that has not changed can be kept. Where modalities have parts of their own, a small
graph of each, its branch, stands between. The fusion's graph ends with labels and confidence.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from anyseg_core.errors import ConfigurationError
from anyseg_core.models.encoders.pyramid import PyramidEncoder
from anyseg_core.models.separable import SeparableModel
from anyseg_core.models.upsample import upsample

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anyseg_core.models import SegmentationModel

OPSET = 17
"""ONNX operator set of every graph."""

INPUT = "images"
OUTPUTS = ("labels", "confidence", "weights")
MAPS = 4
"""Maps that the head adds up."""

Size = tuple[int, int]
"""(height, width) in pixels."""

_STRIDE = 4  # of the finest map: what is fused can say how large the image was in steps of it


def map_names(count: int) -> tuple[str, ...]:
    """Return the names of the ``count`` maps that the encoder gives."""
    return tuple(f"maps{i}" for i in range(count))


def feature_names(count: int) -> tuple[str, ...]:
    """Return the names of the ``count`` features that the fusion takes."""
    return tuple(f"features{i}" for i in range(count))


def separable(model: SegmentationModel) -> SeparableModel:
    """Return the model as one of two halves.

    Raises:
        ConfigurationError: its modalities meet inside the encoder.
    """
    if not isinstance(model, SeparableModel):
        raise ConfigurationError(
            f"a graph of {model.spec.name}",
            "a model that encodes each modality by itself: any2seg, charm, mean_fusion, segformer",
            "run this model with the backend torch",
        )
    return model


def encoder_size(model: SegmentationModel, size: Size) -> Size | None:
    """Return the size that the encoder's graph for ``size`` is bound to; None for any."""
    return None if isinstance(model.encoder, PyramidEncoder) else size


def fusion_size(model: SegmentationModel, size: Size) -> Size | None:
    """Return the size that the fusion's graph for ``size`` is bound to.

    None for any whose sides are multiples of 4. A model with windows is bound to one size.
    """
    whole = not any(side % _STRIDE for side in size)
    return None if whole and not separable(model).has_windows else size


def is_bound(model: SegmentationModel, size: Size) -> bool:
    """Return whether a graph for ``size`` serves no other size."""
    return (encoder_size(model, size) or fusion_size(model, size)) is not None


class EncoderGraph(nn.Module):
    """What all modalities share of a model's first half: images N x 3 x H x W to maps."""

    def __init__(self, model: SeparableModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Encode normalised float32 images."""
        return self.model.encode(images)


class BranchGraph(nn.Module):
    """One modality's own part of a model's first half: maps to features."""

    def __init__(self, model: SeparableModel, name: str) -> None:
        super().__init__()
        self.model = model
        self.name = name

    def forward(self, *maps: Tensor) -> tuple[Tensor, ...]:
        """Return the features of one image."""
        return self.model.branch(self.name, maps)


class MapsGraph(nn.Module):
    """A model's second half as far as the head's maps, for runtimes that do the rest in loops."""

    def __init__(self, model: SeparableModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, *features: Tensor) -> tuple[Tensor, ...]:
        """Return four maps 1 x h x w x width, and the weights, float32 [M]."""
        return self.model.fuse_maps(features)


class FusionGraph(nn.Module):
    """A model's second half, from the features of M modalities to labels.

    Args:
        model: the whole model.
        size: height and width of the images; None for four times those of the logits.
    """

    def __init__(self, model: SeparableModel, size: Size | None) -> None:
        super().__init__()
        self.model = model
        self.size = size

    def forward(self, *features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return labels and confidence, uint8 H x W, and the weights, float32 [M]."""
        logits, weights = self.model.fuse(features)
        logits = upsample(
            logits, self.size or (logits.shape[2] * _STRIDE, logits.shape[3] * _STRIDE)
        )
        best = logits.amax(dim=1, keepdim=True)
        # The winner's softmax; its own exponential is 1.
        confidence = 255.0 / (logits - best).exp().sum(dim=1)
        labels = _first_winner(logits, best)
        return labels[0].to(torch.uint8), confidence[0].round().to(torch.uint8), weights


def _first_winner(logits: Tensor, best: Tensor) -> Tensor:
    """Return the first class, 1 x H x W, with the best logit: an arg max is slow in OpenVINO."""
    count = logits.shape[1]
    falling = torch.arange(count, 0, -1, dtype=logits.dtype, device=logits.device)
    winners = (logits >= best).to(logits.dtype) * falling[:, None, None]
    return count - winners.amax(dim=1)


def export_encoder(model: SegmentationModel, size: Size | None = None) -> bytes:
    """Return the encoder as an ONNX file; the number of images is free.

    Args:
        model: on the CPU, in evaluation mode.
        size: see ``encoder_size``.

    Raises:
        ConfigurationError: see ``separable``.
    """
    graph = EncoderGraph(separable(model)).eval()
    images, larger = _examples(model, 2, size)
    with torch.no_grad():
        maps, others = graph(images), graph(larger)
    names = map_names(len(maps))
    axes = _free_axes("images", (INPUT, *names), (images, *maps), (larger, *others))
    return _export(graph, (images,), (INPUT,), names, axes)


def export_branch(model: SegmentationModel, name: str, size: Size | None = None) -> bytes:
    """Return one modality's branch as an ONNX file, for one image.

    Args:
        model: on the CPU, in evaluation mode, with branches.
        name: the modality.
        size: see ``fusion_size``.

    Raises:
        ConfigurationError: see ``separable``.
    """
    whole = separable(model)
    graph = BranchGraph(whole, name).eval()
    with torch.no_grad():
        maps = whole.encode(_examples(model, 1, size)[0])
        features = graph(*maps)
    return _export(graph, maps, map_names(len(maps)), feature_names(len(features)), {})


def export_fusion(model: SegmentationModel, size: Size | None = None) -> bytes:
    """Return the fusion as an ONNX file; the number of modalities is free.

    Args:
        model: on the CPU, in evaluation mode.
        size: see ``fusion_size``.

    Raises:
        ConfigurationError: see ``separable``.
    """
    whole = separable(model)
    one, larger = _features(whole, size)
    names = feature_names(len(one))
    axes = _free_axes("modalities", names, one, larger) | {"weights": {0: "modalities"}}
    if size is None:
        axes |= {name: {0: "height", 1: "width"} for name in OUTPUTS[:2]}
    return _export(FusionGraph(whole, size).eval(), _of_two(one), names, OUTPUTS, axes)


def export_fused_maps(model: SegmentationModel, size: Size | None = None) -> bytes:
    """Return the fusion as far as the head's maps as an ONNX file; see ``export_fusion``.

    Args:
        model: on the CPU, in evaluation mode; not one that ``meets_in_head``.
        size: see ``fusion_size``.

    Raises:
        ConfigurationError: see ``separable``.
    """
    whole = separable(model)
    one, larger = _features(whole, size)
    names, outputs = feature_names(len(one)), (*map_names(MAPS), OUTPUTS[2])
    graph = MapsGraph(whole).eval()
    with torch.no_grad():
        maps = (graph(*each)[:MAPS] for each in (one, larger))
        axes = _free_axes("modalities", names, one, larger) | {"weights": {0: "modalities"}}
        free = _free_axes("", outputs[:MAPS], *maps)
    axes |= {name: {i: a for i, a in each.items() if i} for name, each in free.items()}
    return _export(graph, _of_two(one), names, outputs, axes)


def _features(
    model: SeparableModel, size: Size | None
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Return the features of one modality, of the images that ``_examples`` gives."""
    name = model.spec.modalities[:1]
    with torch.no_grad():
        some, larger = (model.features(name, images) for images in _examples(model, 1, size))
    return some, larger


def _of_two(features: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return features of one modality for two: a number of 1 would be no free axis."""
    return tuple(each.repeat(2, *[1] * (each.ndim - 1)) for each in features)


def _examples(model: SegmentationModel, count: int, size: Size | None) -> tuple[Tensor, Tensor]:
    """Return images to trace a graph with, and larger ones where ``size`` is free."""
    side = 2 * model.encoder.min_side
    height, width = size or (side, side)
    scale = 1 if size else 2
    return torch.zeros(count, 3, height, width), torch.zeros(
        count, 3, scale * height, scale * width
    )


def _free_axes(
    first: str, names: Iterable[str], some: Iterable[Tensor], larger: Iterable[Tensor]
) -> dict[str, dict[int, str]]:
    """Name the axes that stay free: the first, and those that follow the images' size."""
    return {
        name: {0: first}
        | {i: f"{name}_{i}" for i in range(1, one.ndim) if one.shape[i] != other.shape[i]}
        for name, one, other in zip(names, some, larger, strict=True)
    }


def _export(
    graph: nn.Module,
    example: tuple[Tensor, ...],
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    dynamic_axes: dict[str, dict[int, str]],
) -> bytes:
    with TemporaryDirectory() as folder, torch.no_grad(), warnings.catch_warnings():
        path = Path(folder) / "graph.onnx"
        # The tracer keeps sizes symbolic, which the newer exporter does not for the one-hot
        # selection; its warnings are about sizes that stay the same (parity is tested).
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            example,
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=dynamic_axes,
        )
        return path.read_bytes()
