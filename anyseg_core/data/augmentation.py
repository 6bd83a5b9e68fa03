"""The published augmentation, applied to all modalities alike, and faults on top."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.data.degradation import degraded
from anyseg_core.data.geometric import View, random_view
from anyseg_core.data.photometric import colour_jitter, gaussian_blur
from anyseg_core.errors import ConfigurationError
from anyseg_core.types import IGNORE_LABEL

if TYPE_CHECKING:
    from anyseg_core.data.sample import Sample
    from anyseg_core.types import Float32Array

COLOUR = frozenset({"rgb", "image"})
"""Modalities that are colour images of 0..1: only they are jittered and blurred."""

LINEAR = COLOUR | {"aolp", "dolp", "nir"}
"""Modalities without holes: resized bilinearly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationConfig:
    """What is done to a training sample, and how often.

    The defaults are CMNeXt's protocol (Zhang et al., CVPR 2023), which both papers follow.

    Attributes:
        crop: height and width of the result, in pixels.
        scale: smallest and largest factor by which the image is resized before the crop.
        flip_probability: how often the sample is mirrored left to right.
        jitter_probability: how often brightness, contrast and saturation change.
        blur_probability: how often a colour image is blurred.
        linear: modalities that are resized bilinearly. The others take the nearest pixel: between
            a surface and a hole, or near and far, nothing is measured. To follow CMNeXt to the
            letter on DELIVER's own pictures name all four.
        drop_probability: how often each modality is left out; never all of them.
        fault_probability: how often one of the modalities that are left is degraded.
        physical: depth and LiDAR are in metres and events are counts, as in simulated sets and
            MUSES; False for pictures of 0..1. Only faults ask.

    Raises:
        ConfigurationError: a value is out of its range.
    """

    crop: tuple[int, int]
    scale: tuple[float, float] = (0.5, 2.0)
    flip_probability: float = 0.5
    jitter_probability: float = 0.2
    blur_probability: float = 0.2
    linear: frozenset[str] = LINEAR
    drop_probability: float = 0.0
    fault_probability: float = 0.0
    physical: bool = True

    def __post_init__(self) -> None:
        if len(self.crop) != 2 or not all(1 <= side <= 8192 for side in self.crop):
            raise ConfigurationError(f"crop {self.crop}", "1 to 8192 pixels a side", "correct it")
        if len(self.scale) != 2 or not 0.01 <= self.scale[0] <= self.scale[1] <= 100.0:
            raise ConfigurationError(
                f"scale {self.scale}", "two factors, 0.01 to 100, the smaller first", "correct it"
            )
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if name.endswith("_probability") and not 0.0 <= value <= 1.0:
                raise ConfigurationError(f"{name} {value}", "0 to 1", "correct it")


class Augmentation:
    """Makes a random training sample of a sample; picklable."""

    def __init__(self, config: AugmentationConfig) -> None:
        self.config = config

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Return the sample resized, cropped, mirrored and so on; the one given is not changed.

        Where the resized image is smaller than the crop, what is left at its right and bottom (left
        when mirrored) is 0 in all channels and 255 in the labels.

        Args:
            sample: with channels before normalisation; colour images 0..1.
            rng: the only source of chance: the same state gives the same sample.
        """
        config = self.config
        source = (sample.labels.shape[0], sample.labels.shape[1])
        view = random_view(source, config.crop, config.scale, config.flip_probability, rng)
        jitter, blur = rng.random(2) < (config.jitter_probability, config.blur_probability)
        kept = self._kept(list(sample.channels), rng)
        faulty = kept[rng.integers(len(kept))] if rng.random() < config.fault_probability else ""
        channels = {}
        for name in kept:
            part = _sampled(sample.channels[name], view, linear=name in config.linear)
            if name in COLOUR and jitter:
                part = colour_jitter(part, rng)
            if name in COLOUR and blur:
                part = gaussian_blur(part)
            if name == faulty:
                part = degraded(name, part, rng, physical=config.physical)
            channels[name] = _padded(part, view, config.crop)
        labels = np.full(config.crop, IGNORE_LABEL, np.uint8)
        labels[_covered(view, config.crop)] = view.nearest(sample.labels)
        return replace(sample, channels=channels, labels=labels)

    def _kept(self, names: list[str], rng: np.random.Generator) -> list[str]:
        chances = rng.random(len(names))
        kept = [
            name
            for name, chance in zip(names, chances, strict=True)
            if chance >= self.config.drop_probability
        ]
        return kept or [names[rng.integers(len(names))]]


def _covered(view: View, crop: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns of the crop that the image covers."""
    height, width = view.shape
    first = crop[1] - width if view.flip else 0
    return slice(0, height), slice(first, first + width)


def _sampled(channels: Float32Array, view: View, *, linear: bool) -> Float32Array:
    """Return [h, w, 3], the view's part of channels [3, H, W]; one channel is sampled once."""
    repeated = channels.strides[0] == 0
    image = channels[0][..., None] if repeated else channels.transpose(1, 2, 0)
    image = np.ascontiguousarray(image)
    part = view.linear(image) if linear else view.nearest(image)
    return np.repeat(part, 3, axis=2) if repeated else part


def _padded(part: Float32Array, view: View, crop: tuple[int, int]) -> Float32Array:
    """Return float32 [3, H, W] in order, of the crop's size."""
    if view.shape == crop:
        return np.ascontiguousarray(part.transpose(2, 0, 1))
    whole = np.zeros((3, *crop), np.float32)
    whole[:, *_covered(view, crop)] = part.transpose(2, 0, 1)
    return whole
