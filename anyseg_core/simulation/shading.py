"""Light on surfaces: sun and sky, shadows, lamps, mirrors, fog."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.simulation.conditions import CONDITION_LIGHT, Condition
from anyseg_core.simulation.materials import Material
from anyseg_core.simulation.textures import cloud_cover, paint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.simulation.raycasting import Hits, Instant
    from anyseg_core.types import Float32Array, Float64Array, UInt8Array

_LIFT_M = 0.02
"""Shadow rays start this far above their surface."""

_LAMP_REACH_M = 22.0
_LAMP_LIGHT = np.array([1.0, 0.66, 0.34], np.float32) * 13.0
_HEAD_LIGHT = np.array([1.0, 0.96, 0.86], np.float32) * 26.0
_NIGHT_WINDOWS = 0.28


@dataclass(frozen=True, slots=True)
class Rays:
    """R rays of one camera.

    Attributes:
        origins: float32 [R, 3].
        directions: float32 [R, 3], unit.
        forward: float32 [3], where the camera looks.
        pixel_rad: the angle of one pixel.
    """

    origins: Float32Array
    directions: Float32Array
    forward: Float32Array
    pixel_rad: float


@dataclass(frozen=True)
class Lighting:
    """Light and weather of one drive.

    Attributes:
        condition: a name of ``conditions.CONDITION_LIGHT``.
        azimuth_rad: where the sun or moon stands.
        lamps: float64 [L, 3], the street lamps' places.
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

    def sky(self, direction: Float32Array, *, clouds: bool) -> Float32Array:
        """Return the sky's radiance float32 [N, 3] in unit ``direction`` [N, 3]."""
        weather = self.weather
        up = np.clip(direction[:, 2:], 0.0, 1.0)
        blend = (1.0 - up) ** 3
        zenith = np.array(weather.zenith, np.float32)
        horizon = np.array(weather.horizon, np.float32)
        colour = zenith + (horizon - zenith) * blend
        toward = np.clip(direction @ self.to_sun, 0.0, 1.0)[:, None]
        sun = np.array(weather.sun, np.float32)
        colour = colour + sun * (0.25 * toward**8 + 6.0 * (toward > 0.9994))
        if clouds and weather.cloud_cover > 0.0:
            cover = cloud_cover(direction, self.cloud_shift, weather.cloud_cover)[:, None]
            light = horizon * (1.12 - 0.42 * cover) + 0.12 * sun
            colour = colour + (light - colour) * cover * np.clip(6.0 * up, 0.0, 1.0)
        return np.asarray(colour, np.float32)

    def radiance(self, world: Instant, hits: Hits, rays: Rays) -> Float32Array:
        """Return the light that comes back along R rays, float32 [R, 3], linear.

        A white sheet of paper in full day light is 1. ``world`` throws the shadows, ``hits`` says
        where the rays struck.
        """
        out = np.empty((len(rays.directions), 3), np.float32)
        missed, rows = np.flatnonzero(~hits.struck), np.flatnonzero(hits.struck)
        out[missed] = self.sky(rays.directions.take(missed, 0), clouds=True)
        if len(rows):
            out[rows] = self._surfaces(world, hits, rows, rays)
        self._add_fog(out, hits, rays.directions)
        return np.minimum(out, 4.0, out=out)

    def _surfaces(self, world: Instant, hits: Hits, rows: NDArray[np.intp],
                  rays: Rays) -> Float32Array:  # fmt: skip
        range_m, view = hits.range_m.take(rows), rays.directions.take(rows, 0)
        points = rays.origins.take(rows, 0) + range_m[:, None] * view
        normal, material = hits.normal.take(rows, 0), hits.material.take(rows)
        texture = hits.texture.take(rows, 0)
        facing = -np.einsum("ij,ij->i", normal, view)
        pixel_m = rays.pixel_rad * range_m / np.sqrt(np.maximum(facing, 0.03))
        lit = _NIGHT_WINDOWS if self.weather.lamps else 0.0
        albedo, gloss, glow = paint(
            material, hits.colour.take(rows, 0), hits.style.take(rows), texture, pixel_m, lit
        )
        if self.weather.wet > 0.0:
            self._wet(albedo, gloss, normal, material, texture)
        light = self._daylight(world, points, normal, material)
        if self.weather.dark:
            light += self._lamp_light(points, normal)
            light += _head_light(range_m, view @ rays.forward, facing, points)
        image = np.asarray(albedo * light + glow, np.float32)
        shiny = np.flatnonzero(gloss > 0.0)
        self._mirror(
            image, shiny, gloss.take(shiny), facing.take(shiny), view.take(shiny, 0),
            normal.take(shiny, 0),
        )  # fmt: skip
        return image

    def _mirror(self, image: Float32Array, rows: NDArray[np.intp], gloss: Float32Array,
                facing: Float32Array, view: Float32Array,
                normal: Float32Array) -> None:  # fmt: skip
        """Lay the mirrored sky over the ``rows`` of the image, by Schlick's Fresnel term."""
        mirrored = (view + 2.0 * facing[:, None] * normal).astype(np.float32)
        share = (gloss + (1.0 - gloss) * (1.0 - np.clip(facing, 0, 1)) ** 5)[:, None]
        sky = self.sky(mirrored, clouds=False)
        # Low down, walls and the street stand before the sky and are darker than it.
        sky *= np.clip(0.3 + 2.0 * mirrored[:, 2:], 0.22, 1.0)
        image[rows] = image[rows] * (1.0 - share) + sky * share

    def _daylight(self, world: Instant, points: Float32Array, normal: Float32Array,
                  material: UInt8Array) -> Float32Array:  # fmt: skip
        weather = self.weather
        # Leaves scatter light within the crown, so they are shaded less by their own turn.
        leafy = material == Material.FOLIAGE
        up = np.where(leafy, 0.4 + 0.3 * normal[:, 2], normal[:, 2])
        sun = np.clip(normal @ self.to_sun, 0.0, 1.0)
        sun = np.where(leafy, 0.35 + 0.5 * sun, sun)
        # What is turned away from a sun lies in its own shadow; an overcast sky has no such side.
        lit = sun > 0.0 if max(weather.sun) > max(weather.zenith) else sun >= 0.0
        shadow = ~lit
        start = points[lit] + _LIFT_M * normal[lit]
        toward = np.broadcast_to(self.to_sun, start.shape)
        shadow[lit] = world.occluded(start, toward, weather.shadow_far_m)
        ambient = (0.62 + 0.38 * up) * np.where(shadow, 1.0 - weather.shade, 1.0)
        ambient[leafy & shadow] *= 0.8
        direct = np.where(shadow, 0.0, sun)
        return np.asarray(
            ambient[:, None] * np.array(weather.ambient, np.float32)
            + direct[:, None] * np.array(weather.sun, np.float32),
            np.float32,
        )

    def _lamp_light(self, points: Float32Array, normal: Float32Array) -> Float32Array:
        """Return the light of the street lamps: cones downward that fall off with distance."""
        level = np.zeros(len(points), np.float32)
        order = np.argsort(points[:, 0], kind="stable")
        x = points[order, 0]
        for lamp in self.lamps.astype(np.float32):
            # A little more than the reach, so that rounding decides nothing here.
            first, end = np.searchsorted(x, lamp[0] + _LAMP_REACH_M * np.array([-1.01, 1.01]))
            if first == end:
                continue
            some = order[first:end]
            near = some[
                (np.abs(points[some, 0] - lamp[0]) < _LAMP_REACH_M)
                & (np.abs(points[some, 1] - lamp[1]) < _LAMP_REACH_M)
            ]
            if not len(near):
                continue
            arm = lamp - points[near]
            square = np.einsum("ij,ij->i", arm, arm) + 0.5
            arm /= np.sqrt(square)[:, None]
            onto = np.clip(np.einsum("ij,ij->i", arm, normal[near]), 0.0, 1.0)
            down = np.clip(1.4 * arm[:, 2] - 0.1, 0.0, 1.0)
            edge = np.clip(1.0 - square / _LAMP_REACH_M**2, 0.0, 1.0)
            level[near] += (0.12 + 0.88 * onto) * down * edge / square
        return np.asarray(level[:, None] * _LAMP_LIGHT, np.float32)

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

    def _add_fog(self, out: Float32Array, hits: Hits, directions: Float32Array) -> None:
        weather = self.weather
        away = np.where(hits.struck, np.minimum(hits.range_m, 400.0), 400.0)
        # The sky is seen through less and less haze the higher one looks.
        away = np.where(hits.struck, away, away * np.exp(-2.2 * np.abs(directions[:, 2])))
        through = np.exp(-weather.fog_per_m * away)[:, None].astype(np.float32)
        out *= through
        out += (1.0 - through) * np.array(weather.horizon, np.float32)


def _head_light(range_m: Float32Array, ahead: Float32Array, facing: Float32Array,
                points: Float32Array) -> Float32Array:  # fmt: skip
    """Return the light of the ego vehicle's head lamps: a cone ahead, cut off above."""
    beam = np.clip((ahead - 0.80) / 0.2, 0.0, 1.0) ** 2
    cut = np.clip((1.6 - points[:, 2]) / 1.2, 0.06, 1.0)
    level = beam * cut * (0.3 + 0.7 * np.clip(facing, 0, 1)) / (range_m**2 + 12.0)
    return np.asarray(level[:, None] * _HEAD_LIGHT, np.float32)
