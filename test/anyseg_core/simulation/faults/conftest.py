"""One clean reading of each kind, drawn without a ray caster."""

from __future__ import annotations

import numpy as np
import pytest

from anyseg_core.types import (
    DepthRecord,
    EventArray,
    EventFrameRecord,
    EventRecord,
    LidarRecord,
    Record,
    RgbRecord,
)

STAMP_NS = 4_000_000_000
SIZE = 64


@pytest.fixture
def clean() -> dict[str, Record]:
    """Return readings by name: the four sensors, and "frame", an event frame."""
    rng = np.random.default_rng(5)
    image = rng.integers(60, 190, (SIZE, SIZE, 3)).astype(np.uint8)
    depth = rng.integers(1000, 40_000, (SIZE, SIZE)).astype(np.uint16)
    depth[:4] = 0
    azimuth, elevation = np.meshgrid(
        np.linspace(-np.pi, np.pi, 200, endpoint=False), np.linspace(-0.4, 0.2, 31)
    )
    unit = np.stack(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth),
         np.sin(elevation)], -1,
    ).reshape(-1, 3)  # fmt: skip
    points = np.column_stack([unit * rng.uniform(4, 40, (len(unit), 1)), np.full(len(unit), 50.0)])
    points = points.astype(np.float32)
    points[::50] = (np.inf, np.inf, np.inf, 0.0)
    points[7::50] = (np.nan, np.nan, np.nan, 0.0)
    count = 3000
    events = EventArray(
        rng.integers(0, SIZE, count).astype(np.uint16),
        rng.integers(0, SIZE, count).astype(np.uint16),
        np.sort(rng.integers(STAMP_NS, STAMP_NS + 30_000_000, count)),
        rng.integers(0, 2, count).astype(np.uint8),
    )
    return {
        "rgb": RgbRecord(STAMP_NS, "camera", image),
        "depth": DepthRecord(STAMP_NS, "camera", depth, 0.001),
        "event": EventRecord(int(events.t_ns[0]), "camera", events, SIZE, SIZE),
        "lidar": LidarRecord(STAMP_NS, "lidar", points),
        "frame": EventFrameRecord(STAMP_NS, "camera", image.copy()),
    }
