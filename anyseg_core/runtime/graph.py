"""The whole network as one ONNX graph: any number of modalities in, labels and confidence out."""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from anyseg_core.errors import ConfigurationError
from anyseg_core.models.any2seg import Any2Seg
from anyseg_core.models.fusion import fuse_modalities
from anyseg_core.models.mean_fusion import MeanFusion
from anyseg_core.models.upsample import upsample

if TYPE_CHECKING:
    from anyseg_core.models import SegmentationModel

OPSET = 17
"""ONNX operator set of every graph."""

INPUT = "images"
OUTPUTS = ("labels", "confidence", "weights")


class NetworkGraph(nn.Module):
    """A model as a function of M stacked images, for models that treat all modalities alike.

    Raises:
        ConfigurationError: the model has parts of its own per modality, or fuses elsewhere than
            at the head's map or by the mean.
    """

    def __init__(self, model: SegmentationModel) -> None:
        super().__init__()
        at_head = isinstance(model, Any2Seg) and model.options.fusion_level == "head"
        if not at_head and not isinstance(model, MeanFusion):
            raise ConfigurationError(
                f"a graph of {model.spec.name} with options {dict(model.spec.options)}",
                "any2seg with fusion_level='head', mean_fusion or segformer",
                "run this model with the backend torch",
            )
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Segment one instant.

        Args:
            images: normalised float32 M x 3 x H x W, one per modality present.

        Returns:
            Labels and confidence, uint8 H x W, and the modalities' weights, float32 [M].
        """
        logits, weights = self._logits(images)
        logits = upsample(logits, (images.shape[2], images.shape[3]))
        best, labels = logits.max(dim=1, keepdim=True)
        # The winner's softmax; its own exponential is 1.
        confidence = 255.0 / (logits - best).exp().sum(dim=1)
        return labels[0, 0].to(torch.uint8), confidence[0].round().to(torch.uint8), weights

    def _logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        model, head = self.model, self.model.head
        scales = model.encoder(images)
        if not isinstance(model, Any2Seg):
            first, second, third, fourth = (scale.mean(0, keepdim=True) for scale in scales)
            share = torch.ones_like(images[:, 0, 0, 0])
            logits = head.classify(head.fuse_scales((first, second, third, fourth)))
            return logits, share / share.sum()
        options = model.options
        fused = fuse_modalities(
            head.fuse_scales(scales).unsqueeze(1),
            iterations=options.iterations,
            reweight=options.reweight,
            selection=options.selection,
            residual=options.residual,
        )
        return head.classify(fused.map), fused.weights[:, 0]


def export_onnx(model: SegmentationModel) -> bytes:
    """Return the model as an ONNX file whose number of modalities, height and width are free.

    Args:
        model: on the CPU, in evaluation mode.

    Raises:
        ConfigurationError: see ``NetworkGraph``.
    """
    graph = NetworkGraph(model).eval()
    side = 2 * model.encoder.min_side
    example = torch.zeros(2, 3, side, side)
    with TemporaryDirectory() as folder, torch.no_grad(), warnings.catch_warnings():
        path = Path(folder) / "network.onnx"
        # The tracer keeps sizes symbolic, which the newer exporter does not for the one-hot
        # selection; its warnings are about sizes that stay the same (parity is tested).
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            (example,),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_axes={
                INPUT: {0: "modalities", 2: "height", 3: "width"},
                "labels": {0: "height", 1: "width"},
                "confidence": {0: "height", 1: "width"},
                "weights": {0: "modalities"},
            },
        )
        return path.read_bytes()
