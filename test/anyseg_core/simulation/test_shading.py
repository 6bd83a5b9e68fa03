"""Shading's compiled loops beside the array expressions that they stand for, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from anyseg_core.simulation import light
from anyseg_core.simulation.conditions import CONDITION_LIGHT
from anyseg_core.simulation.materials import Material

F = np.float32
N = 4000


def unit(rng, count):
    vectors = rng.standard_normal((count, 3))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(F)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_points_stand_where_their_rays_end(rng):
    rows = np.flatnonzero(rng.random(N) < 0.6)
    origin, range_m = np.array([3.0, -1.0, 1.6], F), rng.uniform(1, 90, N).astype(F)
    directions, normals = unit(rng, N), unit(rng, N)
    view, normal, points = np.empty((3, len(rows), 3), F)
    facing, pixel_m = np.empty((2, len(rows)), F)
    light.locate(
        rows, origin, directions, range_m, normals, F(0.005), view, normal, points, facing, pixel_m
    )
    np.testing.assert_array_equal(view, directions[rows])
    np.testing.assert_array_equal(normal, normals[rows])
    np.testing.assert_array_equal(points, origin + range_m[rows, None] * view)
    wanted = -np.einsum("ij,ij->i", normal, view)
    np.testing.assert_array_equal(facing, wanted)
    np.testing.assert_array_equal(
        pixel_m, 0.005 * range_m[rows] / np.sqrt(np.maximum(wanted, 0.03))
    )


@pytest.mark.parametrize("overcast", [True, False])
def test_daylight_is_that_of_the_array_expression(rng, overcast):
    weather = CONDITION_LIGHT["cloud"]
    rows = np.flatnonzero(rng.random(N) < 0.6)
    count = len(rows)
    material = rng.integers(0, len(Material), N).astype(np.uint8)
    points, normal = rng.standard_normal((count, 3)).astype(F), unit(rng, count)
    cosine = rng.uniform(-1, 1, count).astype(F)
    shadow = rng.random(count) < 0.4
    ambient_colour, sun_colour = np.array(weather.ambient, F), np.array(weather.sun, F)

    sun, lit, start = cosine.copy(), np.empty(count, np.int64), np.empty((count, 3), F)
    reached = light.sun_ward(rows, material, points, normal, overcast, sun, lit, start)
    level = np.empty((count, 3), F)
    light.daylight(
        rows, material, normal, sun, shadow, weather.shade, ambient_colour, sun_colour, level
    )

    leafy = material[rows] == Material.FOLIAGE
    wanted_sun = np.clip(cosine, 0.0, 1.0)
    wanted_sun = np.where(leafy, 0.35 + 0.5 * wanted_sun, wanted_sun)
    wanted_lit = np.flatnonzero((wanted_sun > 0.0) | overcast)
    np.testing.assert_array_equal(sun, wanted_sun)
    np.testing.assert_array_equal(lit[:reached], wanted_lit)
    np.testing.assert_array_equal(start[:reached], (points + 0.02 * normal)[wanted_lit])
    up = np.where(leafy, 0.4 + 0.3 * normal[:, 2], normal[:, 2])
    ambient = (0.62 + 0.38 * up) * np.where(shadow, 1.0 - weather.shade, 1.0)
    ambient[leafy & shadow] *= 0.8
    direct = np.where(shadow, F(0.0), wanted_sun)
    wanted = ambient[:, None] * ambient_colour + direct[:, None] * sun_colour
    np.testing.assert_array_equal(level, wanted.astype(F))


def slow_lamp_level(lamps, points, normal):
    """Add up one lamp after the other over all points."""
    level = np.zeros(len(points), F)
    for lamp in lamps:
        near = (np.abs(points[:, :2] - lamp[:2]) < light.LAMP_REACH_M).all(1)
        arm = lamp - points[near]
        square = np.einsum("ij,ij->i", arm, arm) + 0.5
        arm /= np.sqrt(square)[:, None]
        onto = np.clip(np.einsum("ij,ij->i", arm, normal[near]), 0.0, 1.0)
        down = np.clip(1.4 * arm[:, 2] - 0.1, 0.0, 1.0)
        edge = np.clip(1.0 - square / light.LAMP_REACH_M**2, 0.0, 1.0)
        level[near] += (0.12 + 0.88 * onto) * down * edge / square
    return level


def test_each_point_has_the_light_of_every_lamp_near_it(rng):
    x = np.sort(rng.uniform(0, 200, 14))
    lamps = np.column_stack([x, rng.uniform(-8, 8, 14), np.full(14, 7.5)]).astype(F)
    points = rng.uniform([-30, -30, 0], [230, 30, 4], (N, 3)).astype(F)
    normal, level = unit(rng, N), np.empty(N, F)
    light.lamp_level(lamps, points, normal, level)
    wanted = slow_lamp_level(lamps, points, normal)
    assert 0.2 < (wanted > 0).mean() < 0.98
    np.testing.assert_array_equal(level, wanted)


def test_head_lights_and_lamps_are_added_in_their_colours(rng):
    rows = np.flatnonzero(rng.random(N) < 0.6)
    count = len(rows)
    lamp, facing = rng.random(count).astype(F), rng.uniform(-1, 1, count).astype(F)
    ahead, range_m = rng.uniform(0.5, 1, count).astype(F), rng.uniform(1, 90, N).astype(F)
    points, before = rng.uniform(-1, 3, (2, count, 3)).astype(F)
    lamp_colour, head_colour = np.array([13, 9, 4], F), np.array([26, 25, 22], F)
    level = before.copy()
    light.add_lamps(lamp, points, rows, range_m, ahead, facing, lamp_colour, head_colour, level)
    beam = np.clip((ahead - 0.80) / 0.2, 0.0, 1.0) ** 2
    cut = np.clip((1.6 - points[:, 2]) / 1.2, 0.06, 1.0)
    head = beam * cut * (0.3 + 0.7 * np.clip(facing, 0, 1)) / (range_m[rows] ** 2 + 12.0)
    wanted = before + lamp[:, None] * lamp_colour + head[:, None] * head_colour
    np.testing.assert_array_equal(level, wanted)


def test_glossy_points_mirror_the_sky_by_their_share(rng):
    rows = np.flatnonzero(rng.random(N) < 0.6)
    count = len(rows)
    gloss = np.where(rng.random(count) < 0.5, 0.0, rng.random(count)).astype(F)
    shiny = np.flatnonzero(gloss > 0.0)
    view, normal = unit(rng, count), unit(rng, count)
    facing, sky = rng.uniform(0, 1, count).astype(F), rng.random((len(shiny), 3)).astype(F)
    albedo, level, glow = rng.random((3, count, 3)).astype(F)
    out, mirrored = np.zeros((N, 3), F), np.empty((len(shiny), 3), F)
    grazing = np.empty(len(shiny), F)
    light.surfaces(rows, albedo, level, glow, out)
    light.mirrored_rays(shiny, view, normal, facing, mirrored, grazing)
    light.mirror(rows, shiny, gloss, grazing**5, mirrored, sky, out)

    image = albedo * level + glow
    wanted = (view + 2.0 * facing[:, None] * normal)[shiny]
    share = (gloss + (1.0 - gloss) * (1.0 - np.clip(facing, 0, 1)) ** 5)[shiny, None]
    seen = sky * np.clip(0.3 + 2.0 * wanted[:, 2:], 0.22, 1.0)
    image[shiny] = image[shiny] * (1.0 - share) + seen * share
    np.testing.assert_array_equal(mirrored, wanted)
    np.testing.assert_array_equal(out[rows], image)
    assert not np.delete(out, rows, 0).any()


@pytest.mark.parametrize("clouds", [True, False])
def test_the_sky_s_colours_are_those_of_the_array_expression(rng, clouds):
    up, toward = rng.random((2, N)).astype(F)
    toward[:50] = 0.9999
    cover = rng.random(N if clouds else 0).astype(F)
    zenith, horizon, sun = colours = rng.random((3, 3)).astype(F)
    blend, halo, out = (1.0 - up) ** 3, toward**8, np.empty((N, 3), F)
    light.sky_colour(up, blend, toward, halo, cover, colours, out)
    wanted = zenith + (horizon - zenith) * blend[:, None]
    wanted = wanted + sun * (0.25 * halo + 6.0 * (toward > 0.9994))[:, None]
    if clouds:
        behind = horizon * (1.12 - 0.42 * cover[:, None]) + 0.12 * sun
        wanted += (behind - wanted) * cover[:, None] * np.clip(6.0 * up, 0.0, 1.0)[:, None]
    np.testing.assert_array_equal(out, wanted.astype(F))


def test_fog_takes_light_away_and_sends_its_own(rng):
    before, through = 6.0 * rng.random((N, 3)).astype(F), rng.random(N).astype(F)
    horizon, out = np.array([0.6, 0.7, 0.8], F), before.copy()
    light.add_fog(through, horizon, F(4.0), out)
    wanted = before * through[:, None] + (1.0 - through[:, None]) * horizon
    np.testing.assert_array_equal(out, np.minimum(wanted, 4.0))
    assert (wanted > 4.0).any()
