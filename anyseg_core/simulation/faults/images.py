"""Faults of colour images, depth images and event frames.

Each function takes an image [H, W] or [H, W, 3], the severity in 0..1 and a generator, and
returns a new image of the same shape and type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from anyseg_core.types import UInt8Array

Image = NDArray[Any]


def motion_blur(image: UInt8Array, severity: float, rng: np.random.Generator) -> UInt8Array:
    """Smear the image along a line of up to an eighth of its width, in a random direction."""
    length = max(3, round(severity * image.shape[1] / 8))
    angle = rng.uniform(-0.3, 0.3)
    total = np.zeros(image.shape, np.float32)
    rows, columns = np.indices(image.shape[:2])
    for step in np.linspace(-0.5, 0.5, length):
        row = np.clip(rows + round(step * length * np.sin(angle)), 0, image.shape[0] - 1)
        column = np.clip(columns + round(step * length * np.cos(angle)), 0, image.shape[1] - 1)
        total += image[row, column]
    return np.asarray(np.rint(total / length), np.uint8)


def over_exposure(image: UInt8Array, severity: float, rng: np.random.Generator) -> UInt8Array:
    """Open the shutter too long: up to 8 times the light, high lights clipped to white."""
    return _exposed(image, 1.0 + 7.0 * severity, rng)


def under_exposure(image: UInt8Array, severity: float, rng: np.random.Generator) -> UInt8Array:
    """Close the shutter too soon: down to a sixtieth of the light, with the noise of the dark."""
    return _exposed(image, 1.0 / (1.0 + 59.0 * severity), rng)


def _exposed(image: UInt8Array, gain: float, rng: np.random.Generator) -> UInt8Array:
    light = gain * (image.astype(np.float32) / 255.0) ** 2.2
    light += 0.0006 * rng.standard_normal(image.shape, np.float32)
    return np.asarray(np.rint(255.0 * np.clip(light, 0.0, 1.0) ** (1 / 2.2)), np.uint8)


def black(image: Image) -> Image:
    """Return an image of zeros: a covered lens, or a depth image without any depth."""
    return np.zeros_like(image)


def noise(image: UInt8Array, severity: float, rng: np.random.Generator) -> UInt8Array:
    """Add Gaussian noise of up to 80 grey levels."""
    noisy = image + 80.0 * severity * rng.standard_normal(image.shape, np.float32)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def fog(image: UInt8Array, severity: float) -> UInt8Array:
    """Lay grey over the image: thickest above and at the horizon, thinner on the near ground."""
    row = np.linspace(0.0, 1.0, image.shape[0], dtype=np.float32)[:, None, None]
    share = severity * (0.92 - 0.7 * np.clip(2.0 * row - 1.0, 0.0, 1.0))
    return np.asarray(np.rint(image * (1.0 - share) + 205.0 * share), np.uint8)


def blocked(shape: tuple[int, ...], severity: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return where dirt covers the lens, bool [H, W]: an ellipse of up to half the image."""
    height, width = shape[:2]
    area = 0.5 * severity * height * width
    wide = np.sqrt(area / np.pi) * rng.uniform(0.8, 1.25)
    tall = area / np.pi / wide
    centre = rng.uniform(0.3, 0.7, 2) * (height, width)
    row, column = np.ogrid[:height, :width]
    return np.asarray(((row - centre[0]) / tall) ** 2 + ((column - centre[1]) / wide) ** 2 <= 1.0)


def blocked_region(image: Image, severity: float, rng: np.random.Generator) -> Image:
    """Cover part of the lens: nothing but black (for depth: invalid) comes from there."""
    out = image.copy()
    out[blocked(image.shape, severity, rng)] = 0
    return out


def hot_pixels(image: UInt8Array, severity: float, rng: np.random.Generator) -> UInt8Array:
    """Set up to 2 % of the pixels to white."""
    out = image.copy()
    out[rng.random(image.shape[:2]) < 0.02 * severity] = 255
    return out


def truncated(image: UInt8Array, severity: float) -> UInt8Array:
    """Lose the last rows, up to 95 %: nothing but black is there."""
    out = image.copy()
    out[round(image.shape[0] * (1.0 - 0.95 * severity)) :] = 0
    return out


def low_resolution(image: UInt8Array, severity: float) -> UInt8Array:
    """Render the image from every second to eighth pixel only."""
    factor = 2 + round(6 * severity)
    small = image[::factor, ::factor]
    grown = np.repeat(np.repeat(small, factor, 0), factor, 1)
    return np.ascontiguousarray(grown[: image.shape[0], : image.shape[1]])


def depth_noise(depth: Image, severity: float, rng: np.random.Generator) -> Image:
    """Scatter depth by up to 20 % of itself and lose up to 30 % of the pixels."""
    factor = 1.0 + 0.2 * severity * rng.standard_normal(depth.shape, np.float32)
    lost = rng.random(depth.shape) < 0.3 * severity
    noisy = np.where(lost, 0.0, depth * np.maximum(factor, 0.05))
    return _depth_like(noisy, depth)


def depth_fog(depth: Image, severity: float, metres_per_unit: float,
              rng: np.random.Generator) -> Image:  # fmt: skip
    """Lose the depth of what is far: at full severity half of all that is 7 m away."""
    kept = np.exp(-0.1 * severity * np.nan_to_num(depth.astype(np.float32)) * metres_per_unit)
    return _depth_like(np.where(rng.random(depth.shape) < kept, depth, 0), depth)


def _depth_like(values: NDArray[Any], depth: Image) -> Image:
    if np.issubdtype(depth.dtype, np.integer):
        values = np.clip(np.rint(values), 0, np.iinfo(depth.dtype).max)
    return values.astype(depth.dtype)
