"""How well two runtimes agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from anyseg_core.runtime.probe import Probe
    from anyseg_core.runtime.segmenter import Segmenter
    from anyseg_core.types import Float32Array

SUFFICIENT = 0.995
"""Share of pixels on which a runtime must give PyTorch's label."""


def label_agreement(
    reference: Segmenter,
    other: Segmenter,
    tensors: Mapping[str, Float32Array],
    readings: Mapping[str, Hashable] | None = None,
) -> float:
    """Return the share of pixels, 0..1, on which both give the same label."""
    wanted = reference.segment(tensors, readings).labels
    return float((wanted == other.segment(tensors, readings).labels).mean())


def subset_agreement(
    reference: Segmenter, other: Segmenter, probe: Probe, subset: tuple[str, ...]
) -> float:
    """Return ``label_agreement`` on some modalities of a probe."""
    tensors = {name: probe.tensors[name] for name in subset}
    return label_agreement(reference, other, tensors, probe.readings)
