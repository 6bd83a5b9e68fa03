"""From the head's maps to labels on the CPU: the fusion of Any2Seg, the classifier, the winner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from anyseg_core.kernels import compile_kernels, constants
from anyseg_core.models.any2seg import options_in_head
from anyseg_core.models.fusion import coefficients_of_products
from anyseg_core.parallel import run_halves
from anyseg_core.runtime import head_loops

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyseg_core.models import ModelSpec
    from anyseg_core.models.head import SegFormerHead
    from anyseg_core.runtime.graph import Size
    from anyseg_core.runtime.head_loops import Maps
    from anyseg_core.types import Float32Array, UInt8Array


@dataclass(frozen=True, slots=True)
class Classifier:
    """The head's last layer.

    Attributes:
        weights: float32 [K, C].
        bias: float32 [K].
    """

    weights: Float32Array
    bias: Float32Array

    @classmethod
    def of(cls, head: SegFormerHead) -> Classifier:
        """Take a head's."""
        layer = head.classifier
        assert layer.bias is not None
        weights, bias = (
            each.detach().cpu().float().numpy() for each in (layer.weight.flatten(1), layer.bias)
        )
        return cls(weights, bias)


class HeadTail:
    """What is behind the head's maps, in compiled loops on two threads; see ``head_loops``.

    Args:
        spec: the model.
        classifier: its head's.
    """

    def __init__(self, spec: ModelSpec, classifier: Classifier) -> None:
        self._options = options_in_head(spec)
        odd = len(classifier.bias) % 2  # the loops take classes in pairs
        self._classes = len(classifier.bias)
        self._weights = constants(np.pad(classifier.weights, ((0, odd), (0, 0))), np.float32)
        self._bias = constants(np.pad(classifier.bias, (0, odd)), np.float32)
        compile_kernels(head_loops)

    def segment(
        self, maps: Sequence[Float32Array], weights: Float32Array | None, size: Size
    ) -> tuple[UInt8Array, UInt8Array, Float32Array]:
        """Return labels and confidence H x W, and the weights.

        Args:
            maps: four of N x h x w x C, as ``head_inference.head_maps`` gives them; N is 1, or for
                modalities that meet in the head their number.
            weights: of the modalities [M]; None for those that meet in the head.
            size: (H, W).
        """
        fine, *coarse = (constants(each, np.float32) for each in maps)
        given = (fine, coarse[0], coarse[1], coarse[2])
        count, height, width, _ = fine.shape
        coefficients = np.ones((height, width, count), np.float32)
        if weights is None:
            coefficients, weights = self._fuse(given)
        logits = np.empty((height, self._classes, width), np.float32)
        labels, confidence = np.empty(size, np.uint8), np.empty(size, np.uint8)
        shares = constants(coefficients, np.float32)
        run_halves(
            lambda _, first, end: head_loops.logit_rows(
                given, shares, self._weights, self._bias, first, end, logits
            ),
            height,
        )
        made = constants(logits, np.float32)
        run_halves(
            lambda _, first, end: head_loops.label_rows(made, first, end, labels, confidence),
            size[0],
        )
        return labels, confidence, weights

    def _fuse(self, maps: Maps) -> tuple[Float32Array, Float32Array]:
        """Return how often each modality counts, h x w x M, and the weights [M]."""
        count, height, width, _ = maps[0].shape
        products = np.empty((height, width, count, count), np.float32)
        run_halves(
            lambda _, first, end: head_loops.inner_products(maps, first, end, products), height
        )
        assert self._options is not None
        with torch.inference_mode():
            coefficients, weights = coefficients_of_products(
                torch.from_numpy(products).flatten(0, 1),
                iterations=self._options.iterations,
                reweight=self._options.reweight,
                selection=self._options.selection,
                residual=self._options.residual,
            )
        return coefficients.view(height, width, count).numpy(), weights.numpy()
