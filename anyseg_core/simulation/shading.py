"""Light on surfaces: sun and sky, shadows, lamps, mirrors, fog."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.simulation import light
from anyseg_core.simulation.conditions import CONDITION_LIGHT, Condition
from anyseg_core.simulation.materials import Material
from anyseg_core.simulation.products import dots
from anyseg_core.simulation.textures import cloud_cover, paint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.simulation.raycasting import Hits, Instant
    from anyseg_core.types import Float32Array, Float64Array, UInt8Array

_LAMP_LIGHT = np.array([1.0, 0.66, 0.34], np.float32) * 13.0
_HEAD_LIGHT = np.array([1.0, 0.96, 0.86], np.float32) * 26.0
_NIGHT_WINDOWS = 0.28
_BRIGHTEST = np.float32(4.0)
_NO_CLOUDS = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class Rays:
    """R rays of one camera.

    Attributes:
        origin: float32 [3], theirs all.
        directions: float32 [R, 3], unit.
        forward: float32 [3], where the camera looks.
        pixel_rad: the angle of one pixel.
    """

    origin: Float32Array
    directions: Float32Array
    forward: Float32Array
    pixel_rad: float


@dataclass(frozen=True)
class Lighting:
    """Light and weather of one drive.

    Attributes:
        condition: a name of ``conditions.CONDITION_LIGHT``.
        azimuth_rad: where the sun or moon stands.
        lamps: float64 [L, 3], the street lamps' places, sorted by x.
        cloud_shift: chooses the clouds' pattern.
    """

    condition: str
    azimuth_rad: float
    lamps: Float64Array
    cloud_shift: float

    @property
    def weather(self) -> Condition:
        """The condition's figures."""
        return CONDITION_LIGHT[self.condition]

    @cached_property
    def to_sun(self) -> Float32Array:
        """Unit vector towards the sun or moon, float32 [3]."""
        elevation = self.weather.elevation_rad
        across = np.cos(elevation)
        return np.array(
            [across * np.cos(self.azimuth_rad), across * np.sin(self.azimuth_rad),
             np.sin(elevation)], np.float32,
        )  # fmt: skip

    @cached_property
    def _colours(self) -> Float32Array:
        """Zenith, horizon and sun, float32 [3, 3]."""
        weather = self.weather
        return np.array([weather.zenith, weather.horizon, weather.sun], np.float32)

    def sky(self, direction: Float32Array, *, clouds: bool) -> Float32Array:
        """Return the sky's radiance float32 [N, 3] in unit ``direction`` [N, 3]."""
        up = np.clip(direction[:, 2], 0.0, 1.0)
        toward = np.clip(dots(direction, self.to_sun), 0.0, 1.0)
        cover = _NO_CLOUDS
        if clouds and self.weather.cloud_cover > 0.0:
            cover = cloud_cover(direction, self.cloud_shift, self.weather.cloud_cover)
        out = np.empty((len(up), 3), np.float32)
        light.sky_colour(up, (1.0 - up) ** 3, toward, toward**8, cover, self._colours, out)
        return out

    def radiance(self, world: Instant, hits: Hits, rays: Rays) -> Float32Array:
        """Return the light that comes back along R rays, float32 [R, 3], linear.

        A white sheet of paper in full day light is 1. ``world`` throws the shadows, ``hits`` says
        where the rays struck.
        """
        out = np.empty((len(rays.directions), 3), np.float32)
        missed, rows = np.flatnonzero(~hits.struck), np.flatnonzero(hits.struck)
        through_air = rays.directions.take(missed, 0)
        out[missed] = self.sky(through_air, clouds=True)
        if len(rows):
            self._surfaces(world, hits, rows, rays, out)
        away = np.minimum(hits.range_m, 400.0)
        # The sky is seen through less and less haze the higher one looks.
        away[missed] *= np.exp(-2.2 * np.abs(through_air[:, 2]))
        through = np.exp(-self.weather.fog_per_m * away)
        light.add_fog(through, self._colours[1], _BRIGHTEST, out)
        return out

    def _surfaces(self, world: Instant, hits: Hits, rows: NDArray[np.intp], rays: Rays,
                  out: Float32Array) -> None:  # fmt: skip
        """Write to ``rows`` of the picture what comes back from there."""
        view, normal, points = np.empty((3, len(rows), 3), np.float32)
        facing, pixel_m = np.empty((2, len(rows)), np.float32)
        light.locate(
            rows, rays.origin, rays.directions, hits.range_m, hits.normal,
            np.float32(rays.pixel_rad), view, normal, points, facing, pixel_m,
        )  # fmt: skip
        lit = _NIGHT_WINDOWS if self.weather.lamps else 0.0
        albedo, gloss, glow = paint(hits, rows, pixel_m, lit)
        if self.weather.wet > 0.0:
            material, texture = hits.material.take(rows), hits.texture.take(rows, 0)
            self._wet(albedo, gloss, normal, material, texture)
        level = self._daylight(world, hits.material, rows, points, normal)
        if self.weather.dark:
            lamps = np.empty(len(rows), np.float32)
            light.lamp_level(self._lamps, points, normal, lamps)
            light.add_lamps(
                lamps, points, rows, hits.range_m, dots(view, rays.forward), facing, _LAMP_LIGHT,
                _HEAD_LIGHT, level,
            )  # fmt: skip
        light.surfaces(rows, albedo, level, glow, out)
        self._mirror(out, rows, gloss, facing, view, normal)

    def _mirror(self, out: Float32Array, rows: NDArray[np.intp], gloss: Float32Array,
                facing: Float32Array, view: Float32Array,
                normal: Float32Array) -> None:  # fmt: skip
        """Lay the mirrored sky over what is glossy, by Schlick's Fresnel term."""
        shiny = np.flatnonzero(gloss > 0.0)
        mirrored = np.empty((len(shiny), 3), np.float32)
        grazing = np.empty(len(shiny), np.float32)
        light.mirrored_rays(shiny, view, normal, facing, mirrored, grazing)
        sky = self.sky(mirrored, clouds=False)
        light.mirror(rows, shiny, gloss, grazing**5, mirrored, sky, out)

    def _daylight(self, world: Instant, material: UInt8Array, rows: NDArray[np.intp],
                  points: Float32Array, normal: Float32Array) -> Float32Array:  # fmt: skip
        """Return the light of sky and sun on the ``rows``, float32 [N, 3]."""
        weather = self.weather
        overcast = max(weather.sun) <= max(weather.zenith)
        sun, lit = dots(normal, self.to_sun), np.empty(len(rows), np.int64)
        start, level = np.empty((2, len(rows), 3), np.float32)
        count = light.sun_ward(rows, material, points, normal, overcast, sun, lit, start)
        shadow = np.ones(len(rows), np.bool_)
        shadow[lit[:count]] = world.occluded(start[:count], self.to_sun, weather.shadow_far_m)
        light.daylight(
            rows, material, normal, sun, shadow, weather.shade,
            np.array(weather.ambient, np.float32), self._colours[2], level,
        )  # fmt: skip
        return level

    @cached_property
    def _lamps(self) -> Float32Array:
        return self.lamps.astype(np.float32)

    def _wet(self, albedo: Float32Array, gloss: Float32Array, normal: Float32Array,
             material: UInt8Array,
             texture: Float32Array) -> None:  # fmt: skip
        """Darken what is wet and lay a film and puddles on level ground."""
        wet = self.weather.wet
        level = (normal[:, 2] > 0.95) & np.isin(
            material, [Material.ASPHALT, Material.PAVING, Material.LINE_PAINT, Material.CONCRETE]
        )
        albedo[normal[:, 2] > -0.5] *= 1.0 - 0.25 * wet
        puddle = np.sin(0.9 * texture[:, 0]) * np.sin(1.7 * texture[:, 1] + 0.4 * texture[:, 0])
        film = 0.03 + 0.10 * np.clip(2.5 * puddle - 0.8, 0.0, 1.0)
        gloss[level] = np.maximum(gloss[level], wet * film[level])
