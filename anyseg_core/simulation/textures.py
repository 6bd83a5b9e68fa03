"""Procedural textures, compiled: every pattern is a function of texture coordinates and style."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.kernels import array_out, constants_in, device, kernel
from anyseg_core.simulation.materials import GLOSS, Material

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.simulation.raycasting import Hits
    from anyseg_core.types import Float32Array, UInt8Array

_Look = tuple[float, float, float, float, float]
"""Albedo RGB, gloss, and glow as a multiple of the colour."""

_ASPHALT, _LINE, _PAVING = int(Material.ASPHALT), int(Material.LINE_PAINT), int(Material.PAVING)
_FACADE, _ROOF, _FOLIAGE = int(Material.FACADE), int(Material.ROOF), int(Material.FOLIAGE)
_SIGN, _SIGNAL, _LAMP = int(Material.SIGN), int(Material.SIGNAL), int(Material.LAMP)
_GRASS, _WOOD, _WATER = int(Material.GRASS), int(Material.WOOD), int(Material.WATER)
_GRAVEL, _BRICK = int(Material.GRAVEL), int(Material.BRICK)
_CONCRETE, _BARK = int(Material.CONCRETE), int(Material.BARK)


@device
def _hash(i: int, j: int, k: int) -> float:
    """Return a number in 0..1 that looks random, for three whole numbers."""
    n = (i * 374761393 + j * 668265263 + k * 1274126177) & 0xFFFFFFFF
    n = ((n ^ (n >> 13)) * 1103515245) & 0xFFFFFFFF
    n = ((n ^ (n >> 16)) * 2246822519) & 0xFFFFFFFF
    return float((n ^ (n >> 15)) & 0xFFFFFF) / 16777216.0


@device
def _noise(x: float, y: float, z: float) -> float:
    """Return value noise in -1..1 with features of size 1."""
    fx, fy, fz = np.floor(x), np.floor(y), np.floor(z)
    i, j, k = int(fx), int(fy), int(fz)
    u, v, w = x - fx, y - fy, z - fz
    u, v, w = u * u * (3 - 2 * u), v * v * (3 - 2 * v), w * w * (3 - 2 * w)
    low = (_hash(i, j, k) * (1 - u) + _hash(i + 1, j, k) * u) * (1 - v) + (
        _hash(i, j + 1, k) * (1 - u) + _hash(i + 1, j + 1, k) * u
    ) * v
    if w == 0.0:  # so it is on level ground and in the sky: what is above counts for nothing
        return float(2.0 * low - 1.0)
    high = (_hash(i, j, k + 1) * (1 - u) + _hash(i + 1, j, k + 1) * u) * (1 - v) + (
        _hash(i, j + 1, k + 1) * (1 - u) + _hash(i + 1, j + 1, k + 1) * u
    ) * v
    return float(2.0 * (low * (1 - w) + high * w) - 1.0)


@device
def _faded(x: float, y: float, z: float, size_m: float, pixel_m: float) -> float:
    """Return noise with features of ``size_m`` that vanishes where a pixel is larger than them."""
    fade = 1.0 - 0.8 * pixel_m / size_m
    if fade <= 0.0:
        return 0.0
    return fade * _noise(x / size_m, y / size_m, z / size_m)


@device
def _joint(x: float, pitch: float, width: float, pixel_m: float) -> float:
    """Return how much of a pixel at ``x`` is a joint of ``width``, one each ``pitch``."""
    place = abs(x / pitch - np.floor(x / pitch + 0.5)) * pitch
    blur = max(pixel_m, 1e-4)
    if blur > pitch:
        return width / pitch
    inside = 0.5 + (0.5 * width - place) / blur
    return float(min(max(inside, 0.0), 1.0) * min(1.0, width / blur))


@device
def _window(u: float, v: float, style: float, pixel_m: float, lit: float) -> _Look:
    """Return a facade's look; red below 0 stands for bare wall, whose shade is then green."""
    bay, storey = int(np.floor(u)), int(np.floor(v))
    x, y = u - bay, v - storey
    seed = int(style * 1e6)
    shop = style > 0.5 and storey == 0
    half = 0.44 if shop else 0.20 + 0.16 * _hash(seed, 1, 2)
    low, high = (0.10, 0.82) if shop else (0.26 - 0.1 * _hash(seed, 3, 1), 0.80)
    if storey == 0 and not shop and bay % 5 == seed % 5:
        half, low, high = 0.19, 0.0, 0.76
        if abs(x - 0.5) < half and y < high:
            tone = 0.08 + 0.2 * _hash(seed, 9, 9)
            return tone, 0.6 * tone, 0.45 * tone, 0.03, 0.0
    soft = pixel_m / 3.0
    edge = min(half - abs(x - 0.5), y - low, high - y)
    if edge < -0.035:
        sill = 0.12 if (abs(x - 0.5) < half + 0.06 and low - 0.07 < y < low) else 0.0
        band = 0.08 if y < 0.05 and _hash(seed, 4, 4) > 0.4 else 0.0
        return -1.0, 1.0 + sill + band, 0.0, 0.0, 0.0
    if soft > 0.5:
        return -1.0, 0.75, 0.0, 0.05, 0.0
    mullion = abs(x - 0.5) < 0.018 and not shop
    if edge < 0.0 or mullion:
        tone = 0.55 if _hash(seed, 7, 3) > 0.35 else 0.10
        return tone, tone, 0.96 * tone, 0.0, 0.0
    draw = _hash(bay, storey, seed)
    curtain = 0.16 * max(0.0, _hash(bay + 7, storey, seed) - 0.55) / 0.45
    glow = 0.0
    if draw < lit or (shop and lit > 0.0):
        glow = 0.35 + 0.5 * _hash(storey, bay, seed)
    tone = 0.02 + curtain
    return tone, 1.05 * tone, 1.15 * tone, 0.22, glow


@device
def _sign_face(y: float, z: float, style: float) -> float:
    """Return the share of white on a sign's face, in its own axes about its middle."""
    radius = np.sqrt(y * y + z * z)
    if style < 0.2:
        return 1.0 if radius < 0.25 and abs(z) > 0.03 else 0.0
    if style < 0.4:
        return 1.0 if z > -0.12 and z < 0.20 - 1.7 * abs(y) else 0.0
    if style < 0.6:
        return 1.0 if abs(z) < 0.07 and abs(y) < 0.22 else 0.0
    if style < 0.9:
        return 1.0 if abs(abs(y) - 0.1) < 0.06 and abs(z) < 0.17 else 0.0
    return 0.0


@device
def _ground_tone(material: int, x: float, y: float, z: float, pixel: float) -> float:
    """Return the shade of what lies on the ground."""
    if material == _ASPHALT:
        patch = _faded(x, 4.0 * y, z, 5.0, pixel) + 0.6 * _faded(x, y, z, 1.3, pixel)
        crack = 0.5 * _joint(x + 0.5 * _noise(0.3 * y, 0.1 * x, 0.0), 17.0, 0.035, pixel)
        return 1.0 + 0.15 * patch + 0.10 * _faded(x, y, z, 0.07, pixel) - crack
    if material == _LINE:
        worn = _faded(x, y, z, 0.5, pixel) + _faded(x, y, z, 0.12, pixel)
        return 0.92 - 0.14 * max(0.0, worn)
    if material == _PAVING:
        joint = max(_joint(x, 0.6, 0.02, pixel), _joint(y, 0.6, 0.02, pixel))
        slab = 0.0
        if pixel < 0.4:
            slab = _hash(int(np.floor(x / 0.6 + 0.5)), int(np.floor(y / 0.6 + 0.5)), 5) - 0.5
        return 1.0 + 0.16 * slab + 0.08 * _faded(x, y, z, 2.0, pixel) - 0.4 * joint
    if material == _GRASS:
        blades = 0.28 * _faded(x, y, z, 0.09, pixel) + 0.2 * _faded(x, y, z, 0.5, pixel)
        return 1.0 + blades + 0.22 * _faded(x, y, z, 3.5, pixel)
    return 1.0 + 0.3 * _faded(x, y, z, 0.1, pixel) + 0.14 * _faded(x, y, z, 1.1, pixel)


@device
def _tone(material: int, x: float, y: float, z: float, style: float, pixel: float) -> float:
    """Return the factor on a surface's colour at a point of its texture."""
    if material in (_ASPHALT, _LINE, _PAVING, _GRASS, _GRAVEL):
        return _ground_tone(material, x, y, z, pixel)
    if material == _FOLIAGE:
        cluster = _faded(x + 31 * style, y, z, 0.55, pixel)
        return 1.0 + 0.42 * _faded(x, y, z, 0.13, pixel) + 0.32 * cluster
    if material == _BRICK:
        row = np.floor(z / 0.16)
        along = x + y + 0.5 * 0.4 * (row % 2)
        joint = max(_joint(z, 0.16, 0.02, pixel), _joint(along, 0.4, 0.02, pixel))
        brick = 0.0
        if pixel < 0.2:
            brick = _hash(int(np.floor(along / 0.4)), int(row), 3) - 0.5
        return 1.0 + 0.35 * brick + 0.15 * _faded(x, y, z, 1.4, pixel) + 0.3 * joint
    return _plain_tone(material, x, y, z, pixel)


@device
def _plain_tone(material: int, x: float, y: float, z: float, pixel: float) -> float:
    """Return the shade of roofs, wood, bark and concrete; all else is even."""
    tone = 1.0
    if material == _ROOF:
        tone = 1.0 - 0.35 * _joint(z, 0.3, 0.05, pixel) + 0.2 * _faded(x, y, z, 0.7, pixel)
    elif material == _WOOD:
        tone = 1.0 + 0.3 * _faded(8 * x, 8 * y, 0.6 * z, 0.8, pixel)
    elif material == _BARK:
        tone = 1.0 + 0.4 * _faded(6 * x, 6 * y, z, 0.4, pixel)
    elif material == _CONCRETE:
        tone = 1.0 + 0.12 * _faded(x, y, z, 1.8, pixel) + 0.08 * _faded(x, y, z, 0.2, pixel)
    return tone


@device
def _facade(colour: Float32Array, u: float, v: float, style: float, pixel: float,
            lit: float) -> _Look:  # fmt: skip
    red, green, blue, gloss, glow = _window(u, v, style, pixel, lit)
    if red >= 0.0:
        return red, green, blue, gloss, glow
    stain = 0.10 * _faded(0.6 * u, 2.0 * v, style, 0.5, 0.3 * pixel)
    stain += 0.06 * _faded(u, v, style, 0.08, 0.3 * pixel)
    rows = 0.12 * _joint(v, 0.06, 0.01, 0.4 * pixel) if style < 0.35 else 0.0
    tone = green * (1.0 + stain - rows) * (0.86 + 0.14 * min(1.0, v))
    return tone * colour[0], tone * colour[1], tone * colour[2], gloss, 0.0


@device
def _look(material: int, colour: Float32Array, style: float, at: Float32Array, pixel: float,
          gloss: float, lit: float) -> _Look:  # fmt: skip
    x, y, z = at[0], at[1], at[2]
    if material == _FACADE:
        return _facade(colour, x, y, style, pixel, lit)
    if material == _SIGN:
        white = _sign_face(y, z, style)
        return (
            colour[0] + (0.75 - colour[0]) * white, colour[1] + (0.75 - colour[1]) * white,
            colour[2] + (0.75 - colour[2]) * white, 0.02, 0.0,
        )  # fmt: skip
    if material == _SIGNAL:
        return (
            0.05 + 0.3 * colour[0],
            0.05 + 0.3 * colour[1],
            0.05 + 0.3 * colour[2],
            0.03,
            (2.2 * style),
        )
    if material == _LAMP:
        glow = 2.6 * style if lit > 0.0 else 0.0
        return 0.6 * colour[0], 0.6 * colour[1], 0.6 * colour[2], gloss, glow
    tone = _tone(material, x, y, z, style, pixel)
    return tone * colour[0], tone * colour[1], tone * colour[2], gloss, 0.0


_POINTS = constants_in("float32", 1)
_VECTORS = constants_in("float32", 2)


@kernel(
    (
        constants_in("int64", 1), constants_in("uint8", 1), _VECTORS, _POINTS, _VECTORS, _POINTS,
        _POINTS, "float64",
        array_out("float32", 2), array_out("float32", 1), array_out("float32", 2),
    )
)  # fmt: skip
def _paint(rows: NDArray[np.int64], material: UInt8Array, colour: Float32Array,
           style: Float32Array, texture: Float32Array, pixel_m: Float32Array, gloss: Float32Array,
           lit: float, albedo: Float32Array, mirror: Float32Array,
           glow: Float32Array) -> None:  # fmt: skip
    for k in range(len(rows)):
        n = rows[k]
        kind = int(material[n])
        red, green, blue, shine, emitted = _look(
            kind, colour[n], style[n], texture[n], pixel_m[k], gloss[kind], lit
        )
        albedo[k, 0], albedo[k, 1], albedo[k, 2] = max(red, 0.0), max(green, 0.0), max(blue, 0.0)
        mirror[k] = shine
        if kind == _FACADE:
            glow[k, 0], glow[k, 1], glow[k, 2] = emitted, 0.72 * emitted, 0.38 * emitted
        else:
            for channel in range(3):
                glow[k, channel] = emitted * colour[n, channel]


def paint(hits: Hits, rows: NDArray[np.intp], pixel_m: Float32Array,
          lit: float) -> tuple[Float32Array, ...]:  # fmt: skip
    """Return what N points look like in white light.

    Args:
        hits: what was struck.
        rows: int [N], the hits that are wanted.
        pixel_m: float32 [N], a pixel's size on the surface: finer patterns fade out.
        lit: share of windows with light; above 0, lamps burn as well.

    Returns:
        Albedo float32 [N, 3], gloss float32 [N] and emitted light float32 [N, 3].
    """
    albedo, glow = np.empty((2, len(rows), 3), np.float32)
    mirror = np.empty(len(rows), np.float32)
    _paint(
        rows, hits.material, hits.colour, hits.style, hits.texture, pixel_m, GLOSS, lit, albedo,
        mirror, glow,
    )  # fmt: skip
    return albedo, mirror, glow


@kernel((_VECTORS, "float64", "float64", array_out("float32", 1)))
def _cover(direction: Float32Array, shift: float, cover: float, out: Float32Array) -> None:
    for n in range(len(direction)):
        up = direction[n, 2]
        if up <= 0.01:
            out[n] = 0.0
            continue
        x, y = 1.6 * direction[n, 0] / (up + 0.22), 1.6 * direction[n, 1] / (up + 0.22)
        total, weight = 0.0, 0.5
        for octave in range(4):
            total += weight * _noise(x + shift, y - shift, 7.0 * octave)
            x, y, weight = 2.1 * x, 2.1 * y, 0.5 * weight
        out[n] = min(max((total + 1.6 * cover - 0.62) * 1.6, 0.0), 1.0)


def cloud_cover(direction: Float32Array, shift: float, cover: float) -> Float32Array:
    """Return float32 [N], how cloudy the sky is in unit ``direction`` [N, 3]: 0 clear to 1."""
    out = np.empty(len(direction), np.float32)
    _cover(direction, shift, cover, out)
    return out
