"""Made-up sensor readings of the sizes that are measured, the same in every run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anyseg_core.geometry import Camera
from anyseg_core.types import EventArray, Float32Array, Float64Array, UInt8Array

EVT3_EVENTS_PER_TIME = 50
WINDOW_NS = 100_000_000
CAMERA_FROM_LIDAR: Float64Array = np.array(
    ((0, -1, 0, 0), (0, 0, -1, -0.1), (1, 0, 0, -0.2), (0, 0, 0, 1)), np.float64
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything; ``Sizes.scaled(1.0)`` is what the figures are asked for."""

    events: int
    points: int
    sensor: tuple[int, int]
    small_sensor: tuple[int, int]
    lidar_image: int
    network: int

    @classmethod
    def scaled(cls, scale: float) -> Sizes:
        """Return a part of the full sizes, for a quick look: images shrink by its root."""

        def side(full: int) -> int:
            return max(int(full * scale**0.5), 16)

        return cls(
            events=max(int(1_000_000 * scale), 100),
            points=max(int(130_000 * scale), 100),
            sensor=(side(1280), side(720)),
            small_sensor=(side(640), side(480)),
            lidar_image=side(1024),
            network=side(512),
        )


def make_events(count: int, width: int, height: int) -> EventArray:
    """Return events all over the sensor, in the order of their times."""
    random = np.random.default_rng(1)
    return EventArray(
        random.integers(0, width, count).astype(np.uint16),
        random.integers(0, height, count).astype(np.uint16),
        np.sort(random.integers(1, WINDOW_NS, count)) // 1000 * 1000,
        random.integers(0, 2, count).astype(np.uint8),
    )


def encode_evt3(events: EventArray) -> bytes:
    """Write events as EVT3: a time for every 50 of them, and a row and a column for each."""
    x, y, p = (array.astype(np.uint16) for array in (events.x, events.y, events.p))
    pairs = np.column_stack((y, np.uint16(0x2000) | x | p << 11)).astype("<u2").tobytes()
    words = bytearray()
    for first in range(0, len(events), EVT3_EVENTS_PER_TIME):
        t_us = first // EVT3_EVENTS_PER_TIME
        time = np.array((0x8000 | t_us >> 12 & 0xFFF, 0x6000 | t_us & 0xFFF), "<u2")
        words += time.tobytes() + pairs[4 * first : 4 * (first + EVT3_EVENTS_PER_TIME)]
    return bytes(words)


def make_sweep(count: int) -> Float32Array:
    """Return the points of 64 rings, 3 to 60 m away, within the camera's view."""
    random = np.random.default_rng(2)
    azimuth = np.deg2rad(np.tile(np.linspace(-40, 40, -(-count // 64)), 64)[:count])
    elevation = np.deg2rad(np.repeat(np.linspace(-25, 25, 64), -(-count // 64))[:count])
    range_m = 20.0 + 15.0 * np.sin(7.0 * azimuth) + random.normal(0.0, 0.5, count)
    flat = range_m * np.cos(elevation)
    columns = (flat * np.cos(azimuth), flat * np.sin(azimuth), range_m * np.sin(elevation))
    return np.column_stack((*columns, random.random(count))).astype(np.float32)


def make_image(width: int, height: int) -> UInt8Array:
    """Return an image of noise."""
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


def make_camera(width: int, height: int) -> Camera:
    """Return a camera with a plumb_bob lens."""
    focal = 0.55 * width
    matrix = ((focal, 0, width / 2), (0, focal, height / 2), (0, 0, 1))
    return Camera(width, height, matrix, (-0.2, 0.05, 1e-3, -1e-3, 0.01))
