"""What a colour camera, a depth camera and an annotator make of a view."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.classes import DELIVER
from anyseg_core.kernels import array_out, constants_in, kernel
from anyseg_core.simulation.config import MAX_DEPTH_M
from anyseg_core.simulation.materials import Material

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.simulation.conditions import Condition
    from anyseg_core.simulation.view import CameraView
    from anyseg_core.types import BoolArray, Float32Array, UInt8Array

_F = np.float32
_SKY = DELIVER.names.index("Sky")


def labels_of(view: CameraView) -> UInt8Array:
    """Return DELIVER's class ids uint8 [H, W] at the pixels' middles, exactly."""
    labels = np.where(view.hits.struck, view.hits.class_id, np.uint8(_SKY))
    return labels.astype(np.uint8).reshape(view.height, view.width)


def expose(radiance: Float32Array, weather: Condition, rng: np.random.Generator) -> UInt8Array:
    """Return the camera's picture uint8 [H, W, 3] of linear light: exposure, film curve, noise."""
    height, width, _ = radiance.shape
    row = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None]
    column = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :]
    vignette = -1.25 * weather.exposure * (1.0 - 0.09 * (row**2 + column**2))
    light = np.exp(vignette[..., None] * radiance)
    streaks = np.zeros((height, width), np.float32)
    if weather.rain > 0.0:
        streaks = 0.16 * weather.rain * _rain_streaks(height, width, rng)
    grain = rng.standard_normal(light.shape, np.float32)
    _add_grain(grain, np.float32(weather.noise), streaks, light)
    encoded = light ** np.float32(1.0 / 2.2)
    image = np.empty(light.shape, np.uint8)
    _film_curve(encoded, image)
    return image


@kernel(
    (constants_in("float32", 3), "float32", constants_in("float32", 2), array_out("float32", 3))
)
def _add_grain(grain: Float32Array, noise: np.float32, streaks: Float32Array,
               light: Float32Array) -> None:  # fmt: skip
    """Turn the shares of light that miss the film into what it shows: colours up, grain added."""
    for row in range(len(light)):
        for column in range(light.shape[1]):
            pixel, grey = light[row, column], _F(0.0)
            for channel in range(3):
                pixel[channel] = _F(1.0) - pixel[channel] + streaks[row, column]
                grey += pixel[channel]
            grey /= _F(3.0)
            for channel in range(3):
                value = pixel[channel]
                spread = np.sqrt(_F(0.3) + min(max(value, _F(0.0)), _F(1.0)))
                shot = grain[row, column, channel] * noise * spread
                value = grey + _F(1.25) * (value - grey) + _F(0.5) * shot
                pixel[channel] = min(max(value, _F(0.0)), _F(1.0))


@kernel((constants_in("float32", 3), array_out("uint8", 3)))
def _film_curve(encoded: Float32Array, image: UInt8Array) -> None:
    """Write 0..255 after a camera's film curve: an S that deepens shadows and keeps high lights."""
    for row in range(len(image)):
        for column in range(image.shape[1]):
            for channel in range(3):
                x = encoded[row, column, channel]
                curve = _F(0.65) * (x * x) * (_F(3.0) - _F(2.0) * x)
                level = _F(255.0) * (_F(0.35) * x + curve) + _F(0.5)
                image[row, column, channel] = int(min(max(level, _F(0.0)), _F(255.0)))


def _rain_streaks(height: int, width: int, rng: np.random.Generator) -> Float32Array:
    """Return a mask float32 [H, W] of falling drops, drawn out by the exposure."""
    image = np.zeros((height, width), np.float32)
    count = int(0.0045 * height * width)
    x, y = rng.uniform(0, width, count), rng.uniform(0, height, count)
    length = rng.uniform(0.015, 0.06, count) * height
    slant, strength = rng.normal(0.06, 0.02, count), rng.uniform(0.15, 0.8, count)
    for step in np.linspace(0.0, 1.0, max(4, height // 16)):
        column = (x + slant * step * length).astype(int)
        row = (y + step * length).astype(int)
        inside = (column < width) & (row < height)
        image[row[inside], column[inside]] = strength[inside]
    return image


def measure_depth(view: CameraView, weather: Condition, max_range_m: float,
                  rng: np.random.Generator) -> NDArray[np.uint16]:  # fmt: skip
    """Return a stereo camera's depth, uint16 [H, W] millimetres, 0 where it has none.

    The noise's standard deviation grows with the square of the distance, as disparity's does:
    ``depth_sigma_m``. There is no depth of the sky, beyond ``max_range_m``, at most edges on the
    side that only one eye sees, on much of glass and water, on some grazing surfaces, and in fog,
    rain and night on more of what is far.
    """
    distance = view.distance_m
    shape = distance.shape
    finite = np.where(np.isfinite(distance), distance, 0.0)
    noisy = finite + depth_sigma_m(finite) * rng.standard_normal(shape, np.float32)
    lost = (distance > min(max_range_m, MAX_DEPTH_M)) | ~np.isfinite(distance)
    lost |= _half_occluded(distance) & (rng.random(shape) < 0.75)
    material = view.hits.material.reshape(shape)
    # Holes come in blotches: chance is drawn on a coarse grid and blurred by a fine one.
    coarse = rng.random((shape[0] // 4 + 1, shape[1] // 4 + 1))
    blotch = 0.7 * np.kron(coarse, np.ones((4, 4)))[: shape[0], : shape[1]]
    blotch += 0.3 * rng.random(shape)
    clear = np.isin(material, [Material.GLASS, Material.WATER])
    lost |= clear & (blotch < 0.5)
    haze = np.clip(6.0 * weather.fog_per_m + 0.004 * weather.event_noise_hz, 0.0, 0.2)
    lost |= blotch < 0.08 + haze * finite / 12.0
    lost |= rng.random(shape) < 0.004
    millimetres = np.clip(np.rint(1000.0 * noisy), 1, 65535)
    return np.where(lost, 0, millimetres).astype(np.uint16)


def depth_sigma_m(distance_m: Float32Array) -> Float32Array:
    """Return the standard deviation of the depth camera's noise at a distance, both metres."""
    return np.asarray(0.004 + 0.0004 * distance_m**2, np.float32)


def _half_occluded(distance: Float32Array) -> BoolArray:
    """Return where the second eye, to the right, is blocked: just left of a nearer thing."""
    near = np.where(np.isfinite(distance), 1.0 / np.maximum(distance, 0.1), 0.0)
    hidden = np.zeros(distance.shape, np.bool_)
    for shift in (1, 2):
        hidden[:, :-shift] |= near[:, shift:] - near[:, :-shift] > 0.02 * shift
    return hidden
