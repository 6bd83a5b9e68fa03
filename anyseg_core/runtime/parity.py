"""How well two runtimes agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from anyseg_core.runtime.segmenter import Segmenter
    from anyseg_core.types import Float32Array

SUFFICIENT = 0.995
"""Share of pixels on which a runtime must give PyTorch's label."""

_PATCH = 16  # pixels across what the probe's images show
_GRAIN = 0.1  # of their noise, beside patches of standard deviation 1


@dataclass(frozen=True, slots=True)
class Probe:
    """Inputs of every modality to hold runtimes against each other.

    Attributes:
        tensors: normalised float32 [3, H, W] by modality.
        readings: an identity each, so that every modality is encoded only once.
    """

    tensors: Mapping[str, Float32Array]
    readings: Mapping[str, Hashable]


def make_probe(modalities: tuple[str, ...], width: int, height: int) -> Probe:
    """Return images of soft patches with some noise, the same every time.

    Pure noise would not do: no sensor sees it, and a network's answers to it are all close calls.
    """
    generator = torch.Generator().manual_seed(0)
    count = len(modalities)
    coarse = torch.randn(count, 3, height // _PATCH + 1, width // _PATCH + 1, generator=generator)
    smooth = functional.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    images = smooth + _GRAIN * torch.randn(count, 3, height, width, generator=generator)
    tensors = {name: image.numpy() for name, image in zip(modalities, images, strict=True)}
    return Probe(tensors, dict.fromkeys(modalities, object()))


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
