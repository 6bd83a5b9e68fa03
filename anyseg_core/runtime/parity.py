"""How well two runtimes agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyseg_core.runtime.segmenter import Segmenter
    from anyseg_core.types import Float32Array

SUFFICIENT = 0.995
"""Share of pixels on which a runtime must give PyTorch's label."""


def label_agreement(
    reference: Segmenter, other: Segmenter, tensors: Mapping[str, Float32Array]
) -> float:
    """Return the share of pixels, 0..1, on which both give the same label."""
    equal = reference.segment(tensors).labels == other.segment(tensors).labels
    return float(equal.mean())
