"""From the head's maps to labels on the CPU: the fusion of Any2Seg, the classifier, the winner."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.kernels import compile_kernels, constants
from anyseg_core.models.any2seg import options_in_head
from anyseg_core.parallel import Scratch, run_halves
from anyseg_core.runtime import coefficient_loops, head_loops

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anyseg_core.models import ModelSpec
    from anyseg_core.models.head import SegFormerHead
    from anyseg_core.runtime.graph import Size
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
        self._scratch = Scratch()  # new memory for each frame costs a page fault every 4 KiB
        compile_kernels(head_loops, coefficient_loops)

    def fuse(
        self,
        features: Sequence[Float32Array],
        fused_maps: Callable[[Sequence[Float32Array]], Sequence[Float32Array]],
        size: Size,
    ) -> tuple[UInt8Array, UInt8Array, Float32Array]:
        """Return labels and confidence H x W, and the weights [M], of M modalities' features.

        Args:
            features: M first in each.
            fused_maps: gives the head's four maps and the weights of features; not asked where
                the modalities meet in the head, whose maps the features are then.
            size: (H, W).
        """
        if self._options is not None:
            return self.segment(features, None, size)
        *maps, weights = fused_maps(features)
        return self.segment(maps, weights, size)

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
        count, height, width, _ = fine.shape
        scores = self._array("scores", (height, width, count, len(self._bias)))
        meeting = (height, width, count, count) if weights is None else (0, 0, 0, 0)
        products = self._array("products", meeting)
        given = (fine, coarse[0], coarse[1], coarse[2])
        run_halves(
            lambda _, first, end: head_loops.score_rows(
                given, self._weights, first, end, scores, products
            ),
            height,
        )
        if weights is None:
            coefficients, weights = self._fuse(products)
        else:
            coefficients = np.ones((height, width, count), np.float32)
        labels, confidence = self._label(scores, coefficients, size)
        return labels, confidence, weights

    def _array(self, name: str, shape: tuple[int, ...]) -> Float32Array:
        return self._scratch.array(name, math.prod(shape), np.float32).reshape(shape)

    def _fuse(self, products: Float32Array) -> tuple[Float32Array, Float32Array]:
        """Return how often each modality counts, h x w x M, and the weights [M]."""
        height, width, count, _ = products.shape
        coefficients = np.empty((height * width, count), np.float32)
        weights = np.empty(count, np.float32)
        given = constants(products.reshape(-1, count, count), np.float32)
        options = self._options
        assert options is not None
        coefficient_loops.fusion_coefficients(
            given,
            options.iterations,
            options.reweight,
            options.selection,
            options.residual,
            coefficients,
            weights,
        )
        return coefficients.reshape(height, width, count), weights

    def _label(
        self, scores: Float32Array, coefficients: Float32Array, size: Size
    ) -> tuple[UInt8Array, UInt8Array]:
        """Return labels and confidence of scores h x w x M x K', each counted so often."""
        height, width = scores.shape[:2]
        logits = self._array("logits", (height, self._classes, width))
        labels, confidence = np.empty(size, np.uint8), np.empty(size, np.uint8)
        given, shares = constants(scores, np.float32), constants(coefficients, np.float32)
        run_halves(
            lambda _, first, end: head_loops.logit_rows(
                given, shares, self._bias, first, end, logits
            ),
            height,
        )
        made = constants(logits, np.float32)
        run_halves(
            lambda _, first, end: head_loops.label_rows(made, first, end, labels, confidence),
            size[0],
        )
        return labels, confidence
