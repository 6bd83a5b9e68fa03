"""The loops of shading, compiled: what light does at each point that a ray struck.

They compute in the order and in the types of the array expressions beside which they are tested,
to the last bit. Powers and exponentials are left to NumPy: a compiled loop's differ from its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.kernels import array_out, constants_in, device, kernel
from anyseg_core.simulation.materials import Material

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.types import BoolArray, Float32Array, UInt8Array

_FOLIAGE = int(Material.FOLIAGE)
_F = np.float32
_ZERO, _ONE, _TWO = _F(0.0), _F(1.0), _F(2.0)
_GRAZING = _F(0.03)
_LIFT_M = _F(0.02)
"""Shadow rays start this far above their surface."""

_SUN_DISC = _F(0.9994)
"""Cosine of the angle within which the sun's disc is seen, a little larger than life."""

LAMP_REACH_M = 22.0
_LAMP_REACH_M, _LAMP_SQUARE = _F(LAMP_REACH_M), _F(LAMP_REACH_M**2)

_ROWS, _MANY = constants_in("int64", 1), constants_in("float32", 1)
_VECTORS, _FLAGS = constants_in("float32", 2), constants_in("boolean", 1)
_TO_MANY, _TO_VECTORS = array_out("float32", 1), array_out("float32", 2)


@device
def _clip(value: np.float32, low: np.float32, high: np.float32) -> np.float32:
    return min(max(value, low), high)


@kernel(
    (
        _ROWS, _MANY, _VECTORS, _MANY, _VECTORS, "float32",
        _TO_VECTORS, _TO_VECTORS, _TO_VECTORS, _TO_MANY, _TO_MANY,
    )
)  # fmt: skip
def locate(rows: NDArray[np.int64], origin: Float32Array, directions: Float32Array,
           range_m: Float32Array, normals: Float32Array, pixel_rad: np.float32,
           view: Float32Array, normal: Float32Array, points: Float32Array,
           facing: Float32Array, pixel_m: Float32Array) -> None:  # fmt: skip
    """Write of the rays ``rows`` direction, normal, place struck, cosine, pixel's size there."""
    for k in range(len(rows)):
        n = rows[k]
        cosine = _ZERO
        for axis in range(3):
            view[k, axis], normal[k, axis] = directions[n, axis], normals[n, axis]
            points[k, axis] = origin[axis] + range_m[n] * directions[n, axis]
            cosine += normals[n, axis] * directions[n, axis]
        facing[k] = -cosine
        pixel_m[k] = pixel_rad * range_m[n] / np.sqrt(max(-cosine, _GRAZING))


@kernel(
    (
        _ROWS, constants_in("uint8", 1), _VECTORS, _VECTORS, "boolean", _TO_MANY,
        array_out("int64", 1), _TO_VECTORS,
    )
)  # fmt: skip
def sun_ward(rows: NDArray[np.int64], material: UInt8Array, points: Float32Array,
             normal: Float32Array, overcast: bool, sun: Float32Array,  # noqa: FBT001 - of a loop
             lit: NDArray[np.int64], start: Float32Array) -> int:  # fmt: skip
    """Turn cosines ``sun`` into shares of the sun's light; return how many points it may reach.

    Their numbers go to ``lit``, and where their shadow rays start to ``start``.
    """
    count = 0
    for k in range(len(rows)):
        sun[k] = _clip(sun[k], _ZERO, _ONE)
        if material[rows[k]] == _FOLIAGE:
            sun[k] = _F(0.35) + _F(0.5) * sun[k]
        # What is turned away from a sun lies in its own shadow; an overcast sky has no such side.
        if overcast or sun[k] > _ZERO:
            lit[count] = k
            for axis in range(3):
                start[count, axis] = points[k, axis] + _LIFT_M * normal[k, axis]
            count += 1
    return count


@kernel(
    (
        _ROWS, constants_in("uint8", 1), _VECTORS, _MANY, _FLAGS, "float64", _MANY, _MANY,
        _TO_VECTORS,
    )
)  # fmt: skip
def daylight(rows: NDArray[np.int64], material: UInt8Array, normal: Float32Array,
             sun: Float32Array, shadow: BoolArray, shade: float, ambient_colour: Float32Array,
             sun_colour: Float32Array, light: Float32Array) -> None:  # fmt: skip
    """Write the light of sky and sun."""
    for k in range(len(rows)):
        up, leafy = normal[k, 2], material[rows[k]] == _FOLIAGE
        if leafy:
            up = _F(0.4) + _F(0.3) * up
        ambient = np.float64(_F(0.62) + _F(0.38) * up)
        if shadow[k]:
            ambient *= 1.0 - shade
            if leafy:
                ambient *= 0.8
        direct = _ZERO if shadow[k] else sun[k]
        for channel in range(3):
            light[k, channel] = _F(
                ambient * ambient_colour[channel] + np.float64(direct * sun_colour[channel])
            )


@kernel((_VECTORS, _VECTORS, _VECTORS, _TO_MANY))
def lamp_level(lamps: Float32Array, points: Float32Array, normal: Float32Array,
               level: Float32Array) -> None:  # fmt: skip
    """Write the level of the lamps' light: cones downward that fall off with distance.

    The lamps are sorted by x.
    """
    arm = np.empty(3, np.float32)
    for k in range(len(points)):
        level[k] = _ZERO
        first = np.searchsorted(lamps[:, 0], points[k, 0] - _F(1.01) * _LAMP_REACH_M)
        for lamp in range(first, len(lamps)):
            away = points[k, 0] - lamps[lamp, 0]
            if away <= -_LAMP_REACH_M:
                break
            if away >= _LAMP_REACH_M or abs(points[k, 1] - lamps[lamp, 1]) >= _LAMP_REACH_M:
                continue
            square = _ZERO
            for axis in range(3):
                arm[axis] = lamps[lamp, axis] - points[k, axis]
                square += arm[axis] * arm[axis]
            square += _F(0.5)
            onto, length = _ZERO, np.sqrt(square)
            for axis in range(3):
                arm[axis] /= length
                onto += arm[axis] * normal[k, axis]
            onto = _clip(onto, _ZERO, _ONE)
            down = _clip(_F(1.4) * arm[2] - _F(0.1), _ZERO, _ONE)
            edge = _clip(_ONE - square / _LAMP_SQUARE, _ZERO, _ONE)
            level[k] += (_F(0.12) + _F(0.88) * onto) * down * edge / square


@kernel((_MANY, _VECTORS, _ROWS, _MANY, _MANY, _MANY, _MANY, _MANY, _TO_VECTORS))
def add_lamps(lamp: Float32Array, points: Float32Array, rows: NDArray[np.int64],
              range_m: Float32Array, ahead: Float32Array, facing: Float32Array,
              lamp_colour: Float32Array, head_colour: Float32Array,
              light: Float32Array) -> None:  # fmt: skip
    """Add the lamps' light, and the head lights': a cone ahead, cut off above."""
    for k in range(len(rows)):
        away = range_m[rows[k]]
        beam = _clip((ahead[k] - _F(0.80)) / _F(0.2), _ZERO, _ONE)
        cut = _clip((_F(1.6) - points[k, 2]) / _F(1.2), _F(0.06), _ONE)
        head = beam * beam * cut * (_F(0.3) + _F(0.7) * _clip(facing[k], _ZERO, _ONE))
        head /= away * away + _F(12.0)
        for channel in range(3):
            light[k, channel] += lamp[k] * lamp_colour[channel]
            light[k, channel] += head * head_colour[channel]


@kernel((_ROWS, _VECTORS, _VECTORS, _VECTORS, _TO_VECTORS))
def surfaces(rows: NDArray[np.int64], albedo: Float32Array, light: Float32Array,
             glow: Float32Array, out: Float32Array) -> None:  # fmt: skip
    """Write to ``rows`` of the picture what surfaces send back."""
    for k in range(len(rows)):
        for channel in range(3):
            out[rows[k], channel] = albedo[k, channel] * light[k, channel] + glow[k, channel]


@kernel((_ROWS, _VECTORS, _VECTORS, _MANY, _TO_VECTORS, _TO_MANY))
def mirrored_rays(shiny: NDArray[np.int64], view: Float32Array, normal: Float32Array,
                  facing: Float32Array, mirrored: Float32Array,
                  grazing: Float32Array) -> None:  # fmt: skip
    """Write the directions of the rays mirrored by ``shiny`` points, and 1 less their cosines."""
    for m in range(len(shiny)):
        k = shiny[m]
        grazing[m] = _ONE - _clip(facing[k], _ZERO, _ONE)
        for axis in range(3):
            mirrored[m, axis] = view[k, axis] + _TWO * facing[k] * normal[k, axis]


@kernel((_ROWS, _ROWS, _MANY, _MANY, _VECTORS, _VECTORS, _TO_VECTORS))
def mirror(rows: NDArray[np.int64], shiny: NDArray[np.int64], gloss: Float32Array,
           fresnel: Float32Array, mirrored: Float32Array, sky: Float32Array,
           out: Float32Array) -> None:  # fmt: skip
    """Lay the mirrored sky over ``shiny`` ones of the ``rows`` of the picture."""
    for m in range(len(shiny)):
        k = shiny[m]
        share = gloss[k] + (_ONE - gloss[k]) * fresnel[m]
        # Low down, walls and the street stand before the sky and are darker than it.
        seen = _clip(_F(0.3) + _TWO * mirrored[m, 2], _F(0.22), _ONE)
        for channel in range(3):
            kept = out[rows[k], channel] * (_ONE - share)
            out[rows[k], channel] = kept + sky[m, channel] * seen * share


@kernel((_MANY, _MANY, _MANY, _MANY, _MANY, _VECTORS, _TO_VECTORS))
def sky_colour(up: Float32Array, blend: Float32Array, toward: Float32Array, halo: Float32Array,
               cover: Float32Array, colours: Float32Array, out: Float32Array) -> None:  # fmt: skip
    """Write the sky's colours; ``cover`` is empty where there are no clouds."""
    for n in range(len(up)):
        sun = np.float64(_F(0.25) * halo[n]) + (6.0 if toward[n] > _SUN_DISC else 0.0)
        for channel in range(3):
            zenith, horizon, sun_colour = colours[:, channel]
            colour = np.float64(zenith + (horizon - zenith) * blend[n]) + sun_colour * sun
            if len(cover):
                light = horizon * (_F(1.12) - _F(0.42) * cover[n]) + _F(0.12) * sun_colour
                thick = _clip(_F(6.0) * up[n], _ZERO, _ONE)
                colour += (light - colour) * cover[n] * thick
            out[n, channel] = _F(colour)


@kernel((_MANY, _MANY, "float32", _TO_VECTORS))
def add_fog(through: Float32Array, horizon: Float32Array, most: np.float32,
            out: Float32Array) -> None:  # fmt: skip
    """Let the share ``through`` of the picture's light pass, and no channel exceed ``most``."""
    for n in range(len(out)):
        for channel in range(3):
            fog = (_ONE - through[n]) * horizon[channel]
            out[n, channel] = min(out[n, channel] * through[n] + fog, most)
