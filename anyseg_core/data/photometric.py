"""Colour jitter and blur of colour images, as CMNeXt's protocol has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from anyseg_core.types import Float32Array

LOWEST_FACTOR, HIGHEST_FACTOR = 0.5, 1.5
_GREY = np.array((0.2989, 0.587, 0.114), np.float32)  # ITU-R BT.601, as torchvision rounds it
_BLUR_SIZE = 3
_BLUR_DEVIATION = 0.8  # torchvision's for 3 pixels


def colour_jitter(image: Float32Array, rng: np.random.Generator) -> Float32Array:
    """Change brightness, contrast and saturation by factors of 0.5 to 1.5 each, in this order.

    Brightness multiplies; contrast blends with the image's mean grey; saturation with each pixel's
    own grey. Values stay within 0..1.

    Args:
        image: float32 [H, W, 3], 0..1.
        rng: gives three factors.
    """
    brightness, contrast, saturation = (
        np.float32(factor) for factor in rng.uniform(LOWEST_FACTOR, HIGHEST_FACTOR, 3)
    )
    bright: Float32Array = np.clip(image * brightness, 0.0, 1.0)
    mean = np.float32((bright @ _GREY).mean())
    contrasted = np.clip(bright * contrast + mean * (1 - contrast), 0.0, 1.0)
    grey = (contrasted @ _GREY)[..., None]
    return np.asarray(np.clip(contrasted * saturation + grey * (1 - saturation), 0.0, 1.0))


def gaussian_blur(image: Float32Array) -> Float32Array:
    """Blur float32 [H, W, 3] with a Gaussian of 3 x 3 pixels, deviation 0.8."""
    return np.asarray(
        cv2.GaussianBlur(image, (_BLUR_SIZE, _BLUR_SIZE), _BLUR_DEVIATION), np.float32
    )
