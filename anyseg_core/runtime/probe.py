"""What runtimes are held against each other on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from anyseg_core.normalisation import normalise_channels

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from anyseg_core.models import ModelCard
    from anyseg_core.types import Float32Array

_STREET = Path(__file__).with_name("street.npz")  # written by scripts/write_probe.py
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


def street_probe(card: ModelCard, width: int, height: int) -> Probe:
    """Return an instant of the simulated street, as the network's inputs.

    A trained network is sure of most of what it sees there; on patches every other pixel is a
    close call, which any rounding turns. Modalities that the street has not get patches.

    Args:
        card: names the modalities and their statistics.
        width: of the inputs, in pixels; the street is stretched to them.
        height: likewise.
    """
    tensors = dict(make_probe(card.spec.modalities, width, height).tensors)
    with np.load(_STREET) as street:
        for name in tensors.keys() & set(street.files):
            channels = _stretched(street[name], width, height)
            tensors[name] = normalise_channels(name, channels, card.normalisation[name])
    return Probe(tensors, dict.fromkeys(tensors, object()))


def _stretched(channels: Float32Array, width: int, height: int) -> Float32Array:
    """Take the nearest pixels: distances are not to be mixed."""
    rows = np.arange(height) * channels.shape[1] // height
    columns = np.arange(width) * channels.shape[2] // width
    return channels[:, rows[:, None], columns].astype(np.float32)
