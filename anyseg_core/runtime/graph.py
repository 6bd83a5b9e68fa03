"""The network as two ONNX graphs: one encodes a modality, one fuses those that are present.

The encoder's graph serves every modality, so a sensor that fails changes no shape, and the maps of
a reading that has not changed can be kept. The fusion's graph ends with labels and confidence.
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
from anyseg_core.models.separable import AlikeModel, SeparableModel
from anyseg_core.models.upsample import upsample

if TYPE_CHECKING:
    from anyseg_core.models import SegmentationModel

OPSET = 17
"""ONNX operator set of every graph."""

INPUT = "images"
OUTPUTS = ("labels", "confidence", "weights")

Size = tuple[int, int]
"""(height, width) in pixels."""

_STRIDE = 4  # of the finest map: what is fused can say how large the image was in steps of it


def feature_names(count: int) -> tuple[str, ...]:
    """Return the names of the ``count`` maps between the two graphs."""
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
    return None if whole and isinstance(model, AlikeModel) else size


def is_bound(model: SegmentationModel, size: Size) -> bool:
    """Return whether a graph for ``size`` serves no other size."""
    return (encoder_size(model, size) or fusion_size(model, size)) is not None


class EncoderGraph(nn.Module):
    """A model's first half: images N x 3 x H x W to maps N x C x h x w."""

    def __init__(self, model: SeparableModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Encode normalised float32 images."""
        return self.model.encode(images)


class FusionGraph(nn.Module):
    """A model's second half, from maps M x C x h x w to labels.

    Args:
        model: the whole model.
        names: the M modalities; of a model that treats all alike, M is free.
        size: height and width of the images; None for four times those of the first map.
    """

    def __init__(self, model: SeparableModel, names: tuple[str, ...], size: Size | None) -> None:
        super().__init__()
        self.model = model
        self.names = names
        self.size = size

    def forward(self, *features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return labels and confidence, uint8 H x W, and the weights, float32 [M]."""
        logits, weights = self._fuse(features)
        first = features[0]
        logits = upsample(logits, self.size or (first.shape[2] * _STRIDE, first.shape[3] * _STRIDE))
        best, labels = logits.max(dim=1, keepdim=True)
        # The winner's softmax; its own exponential is 1.
        confidence = 255.0 / (logits - best).exp().sum(dim=1)
        return labels[0, 0].to(torch.uint8), confidence[0].round().to(torch.uint8), weights

    def _fuse(self, features: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        if isinstance(self.model, AlikeModel):
            return self.model.fuse_any(features)
        output = self.model.fuse(self.names, features)
        return output.logits, torch.cat([output.weights[name] for name in self.names])


def export_encoder(model: SegmentationModel, size: Size | None = None) -> bytes:
    """Return the encoder's half as an ONNX file; the number of images is free.

    Args:
        model: on the CPU, in evaluation mode.
        size: see ``encoder_size``.

    Raises:
        ConfigurationError: see ``separable``.
    """
    graph = EncoderGraph(separable(model)).eval()
    side = 2 * model.encoder.min_side
    images = torch.zeros(2, 3, *(size or (side, side)))
    names = feature_names(_feature_count(graph.model))
    free = {0: "images"} if size else {0: "images", 2: "height", 3: "width"}
    axes = {INPUT: free}
    for i, name in enumerate(names):
        axes[name] = {0: "images"} if size else {0: "images", 2: f"height{i}", 3: f"width{i}"}
    return _export(graph, (images,), (INPUT,), names, axes)


def export_fusion(
    model: SegmentationModel, names: tuple[str, ...], size: Size | None = None
) -> bytes:
    """Return the fusion's half as an ONNX file.

    Args:
        model: on the CPU, in evaluation mode.
        names: see ``FusionGraph``.
        size: see ``fusion_size``.

    Raises:
        ConfigurationError: see ``separable``.
    """
    whole = separable(model)
    graph = FusionGraph(whole, names, size).eval()
    side = 2 * model.encoder.min_side
    with torch.no_grad():
        one = whole.encode(torch.zeros(1, 3, *(size or (side, side))))
    inputs = feature_names(len(one))
    axes: dict[str, dict[int, str]] = {}
    count = len(names)
    if isinstance(whole, AlikeModel):
        count = 2
        axes = {name: {0: "modalities"} for name in (*inputs, "weights")}
        if size is None:
            for i, name in enumerate(inputs):
                axes[name] |= {2: f"height{i}", 3: f"width{i}"}
            axes |= {name: {0: "height", 1: "width"} for name in OUTPUTS[:2]}
    features = tuple(scale.expand(count, -1, -1, -1).contiguous() for scale in one)
    return _export(graph, features, inputs, OUTPUTS, axes)


def _feature_count(model: SeparableModel) -> int:
    side = model.encoder.min_side
    with torch.no_grad():
        return len(model.encode(torch.zeros(1, 3, side, side)))


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
