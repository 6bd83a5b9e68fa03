"""Light and weather: what each condition means to the sensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyseg_core.simulation.meshes import Colour


@dataclass(frozen=True, slots=True)
class Condition:
    """Light and weather.

    Radiance is relative: 1 is a white wall's in full day light.

    Attributes:
        zenith: colour of the sky overhead.
        horizon: colour of the sky at the horizon, and of the fog.
        ambient: light from the sky on a level surface.
        sun: light from the sun or moon on a surface that faces it.
        elevation_rad: the sun's or moon's height.
        shadow_far_m: only what is nearer than this throws a shadow; under an overcast sky that
            is just the dark beneath vehicles and close to walls.
        shade: share of the ambient light that a shadow takes besides the sun's.
        cloud_cover: 0 clear to 1 overcast.
        fog_per_m: extinction of light per metre.
        lamps: whether street lamps, head lights and windows are lit.
        wet: 0 dry to 1, water on the ground.
        rain: 0 to 1, drops in the air.
        exposure: factor from radiance to the image.
        noise: standard deviation of the camera's noise, share of full scale.
        lidar_fog_per_m: extinction in the near infrared, one way.
        event_noise_hz: noise events per pixel and second.
    """

    zenith: Colour
    horizon: Colour
    ambient: Colour
    sun: Colour
    elevation_rad: float
    shadow_far_m: float
    shade: float
    cloud_cover: float
    fog_per_m: float
    lamps: bool
    wet: float
    rain: float
    exposure: float
    noise: float
    lidar_fog_per_m: float
    event_noise_hz: float

    @property
    def dark(self) -> bool:
        """Whether lamps and head lights outshine what the sky sends."""
        return self.lamps and max(self.ambient) < _DARK


_DARK = 0.25

CONDITION_LIGHT: dict[str, Condition] = {
    "cloud": Condition(
        zenith=(0.62, 0.68, 0.76), horizon=(0.80, 0.83, 0.86), ambient=(0.78, 0.81, 0.86),
        sun=(0.14, 0.14, 0.13), elevation_rad=1.0, shadow_far_m=3.0, shade=0.45, cloud_cover=0.75,
        fog_per_m=0.0012, lamps=False, wet=0.0, rain=0.0, exposure=1.45, noise=0.006,
        lidar_fog_per_m=0.0, event_noise_hz=0.1,
    ),
    "fog": Condition(
        zenith=(0.66, 0.69, 0.72), horizon=(0.70, 0.72, 0.74), ambient=(0.66, 0.68, 0.71),
        sun=(0.0, 0.0, 0.0), elevation_rad=1.0, shadow_far_m=3.0, shade=0.35, cloud_cover=0.0,
        fog_per_m=0.032, lamps=True, wet=0.15, rain=0.0, exposure=1.3, noise=0.007,
        lidar_fog_per_m=0.022, event_noise_hz=0.1,
    ),
    "night": Condition(
        zenith=(0.006, 0.008, 0.020), horizon=(0.030, 0.028, 0.036),
        ambient=(0.018, 0.020, 0.032), sun=(0.012, 0.014, 0.022), elevation_rad=0.8,
        shadow_far_m=200.0, shade=0.2, cloud_cover=0.3, fog_per_m=0.0012, lamps=True, wet=0.0,
        rain=0.0, exposure=3.2, noise=0.016, lidar_fog_per_m=0.0, event_noise_hz=1.0,
    ),
    "rain": Condition(
        zenith=(0.34, 0.37, 0.42), horizon=(0.48, 0.50, 0.53), ambient=(0.44, 0.46, 0.50),
        sun=(0.0, 0.0, 0.0), elevation_rad=1.0, shadow_far_m=3.0, shade=0.4, cloud_cover=1.0,
        fog_per_m=0.006, lamps=True, wet=1.0, rain=1.0, exposure=1.9, noise=0.008,
        lidar_fog_per_m=0.008, event_noise_hz=0.5,
    ),
    "sun": Condition(
        zenith=(0.16, 0.34, 0.72), horizon=(0.58, 0.72, 0.86), ambient=(0.30, 0.36, 0.46),
        sun=(1.25, 1.13, 0.92), elevation_rad=0.72, shadow_far_m=250.0, shade=0.15,
        cloud_cover=0.3, fog_per_m=0.0008, lamps=False, wet=0.0, rain=0.0, exposure=1.15,
        noise=0.005, lidar_fog_per_m=0.0, event_noise_hz=0.1,
    ),
    "dusk": Condition(
        zenith=(0.10, 0.14, 0.27), horizon=(0.50, 0.33, 0.25), ambient=(0.15, 0.15, 0.20),
        sun=(0.34, 0.17, 0.07), elevation_rad=0.11, shadow_far_m=250.0, shade=0.2,
        cloud_cover=0.4, fog_per_m=0.002, lamps=True, wet=0.0, rain=0.0, exposure=2.2,
        noise=0.010, lidar_fog_per_m=0.0, event_noise_hz=0.4,
    ),
}  # fmt: skip
"""The light and weather of each condition."""
