"""The size at which a network sees an image, and the way there and back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from anyseg_core.types import Float32Array, UInt8Array

STEP = 32
"""Sides are multiples of the coarsest stride, so that every scale of the network is whole."""

Size = tuple[int, int]


def network_size(image: Size, trained: Size) -> Size:
    """Return the height and width at which a network takes an image.

    An image of the size that the network was trained at stays as it is. Any other one keeps its
    aspect, and gets about as many pixels as the network was trained on: then things are about as
    large for the network as they were in training, if both cameras see a like field of view.

    Args:
        image: height and width.
        trained: height and width of the network's training.
    """
    if image == trained:
        return image
    scale = math.sqrt(trained[0] * trained[1] / (image[0] * image[1]))
    height, width = (max(STEP, round(side * scale / STEP) * STEP) for side in image)
    return height, width


def resize_channels(modality: str, channels: Float32Array, size: Size) -> Float32Array:
    """Resize float32 [3, H, W] to ``size`` = (height, width).

    Colours are interpolated (averaged where the image shrinks). Of all else the nearest pixel is
    taken: a mean of a range and of "no return", or of two classes' depths, is no measurement.
    """
    if channels.shape[1:] == size:
        return channels
    method = cv2.INTER_NEAREST_EXACT
    if modality == "rgb":
        method = cv2.INTER_AREA if size[0] < channels.shape[1] else cv2.INTER_LINEAR
    shape = size[1], size[0]
    return np.stack([cv2.resize(each, shape, interpolation=method) for each in channels])


def resize_labels(labels: UInt8Array, size: Size) -> UInt8Array:
    """Resize uint8 [H, W] to ``size`` = (height, width) by taking the nearest pixel."""
    if labels.shape == size:
        return labels
    resized = cv2.resize(labels, (size[1], size[0]), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resized, np.uint8)
