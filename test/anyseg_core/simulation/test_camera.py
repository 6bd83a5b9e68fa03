from __future__ import annotations

import numpy as np
import pytest

from anyseg_core.simulation.camera import _rain_streaks, expose
from anyseg_core.simulation.conditions import CONDITION_LIGHT


def slow_expose(radiance, weather, rng):
    """Expose all pixels by array expressions."""
    height, width, _ = radiance.shape
    row = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None, None]
    column = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :, None]
    vignette = 1.0 - 0.09 * (row**2 + column**2)
    light = 1.0 - np.exp(-1.25 * weather.exposure * vignette * radiance)
    if weather.rain > 0.0:
        light = light + 0.16 * weather.rain * _rain_streaks(height, width, rng)[..., None]
    grain = rng.standard_normal(light.shape, np.float32) * weather.noise
    grain *= np.sqrt(0.3 + np.clip(light, 0.0, 1.0))
    grey = light.mean(-1, keepdims=True)
    light = grey + 1.25 * (light - grey)
    encoded = np.clip(light + 0.5 * grain, 0.0, 1.0) ** np.float32(1.0 / 2.2)
    encoded = 0.35 * encoded + 0.65 * encoded**2 * (3.0 - 2.0 * encoded)
    return (255.0 * encoded + 0.5).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("condition", ["night", "rain", "sun"])
def test_the_picture_is_that_of_the_array_expression(condition):
    weather = CONDITION_LIGHT[condition]
    radiance = np.random.default_rng(0).exponential(0.4, (48, 64, 3)).astype(np.float32)
    got = expose(radiance, weather, np.random.default_rng(1))
    np.testing.assert_array_equal(got, slow_expose(radiance, weather, np.random.default_rng(1)))
    assert got.std() > 20
