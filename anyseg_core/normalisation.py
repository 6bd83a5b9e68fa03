"""Statistics that turn physical channels into network inputs of roughly zero mean, unit spread."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.errors import ConfigurationError

if TYPE_CHECKING:
    from anyseg_core.types import BoolArray, Float32Array

SPARSE = frozenset({"depth", "lidar"})
"""Modalities in which a pixel of three zeros measured nothing."""


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Mean and standard deviation of three channels, in the channels' own units.

    Raises:
        ConfigurationError: not three finite numbers each, or a deviation is not positive.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __post_init__(self) -> None:
        numbers = (*self.mean, *self.std)
        good = len(self.mean) == 3 and len(self.std) == 3 and all(map(math.isfinite, numbers))
        if not good or min(self.std) <= 0.0:
            raise ConfigurationError(
                f"normalisation with mean {self.mean} and std {self.std}",
                "three finite means and three positive deviations",
                "correct the statistics",
            )


DEFAULT_NORMALISATION: dict[str, Normalisation] = {
    "rgb": Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "depth": Normalisation((10.0, 10.0, 10.0), (15.0, 15.0, 15.0)),
    "event": Normalisation((0.126, 0.127, 0.0), (0.544, 0.476, 1.0)),
    "lidar": Normalisation((4.917, 6.149, 0.270), (13.35, 17.64, 1.23)),
}
"""Per modality: rgb ImageNet's (of values 0..1); event (counts) and lidar (range m, intensity,
height m) those used for MUSES; depth (metres) our own choice for streets and large rooms, which
brings 1..40 m to -0.6..2."""


def normalise_channels(
    modality: str, channels: Float32Array, normalisation: Normalisation
) -> Float32Array:
    """Return a modality's input of the network, float32 [3, H, W], as the node makes it.

    Every channel less its mean, over its deviation; 0 where depth or LiDAR measured nothing.

    Args:
        modality: which says whether pixels may have measured nothing.
        channels: [3, H, W] in the units of the statistics; they are not written to.
        normalisation: the statistics.
    """
    mean = np.array(normalisation.mean, np.float32)[:, None, None]
    scale = (1.0 / np.array(normalisation.std)).astype(np.float32)[:, None, None]
    values = np.empty(channels.shape, np.float32)
    np.subtract(channels, mean, out=values)
    values *= scale
    if modality in SPARSE:
        values *= _measured(channels)
    return values


def _measured(channels: Float32Array) -> BoolArray:
    return np.asarray((channels[0] != 0.0) | (channels[1] != 0.0) | (channels[2] != 0.0))
