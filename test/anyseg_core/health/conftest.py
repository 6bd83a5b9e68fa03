"""Clean readings of each modality, and a monitor fed with them."""

import numpy as np
import pytest

from anyseg_core.health import HealthConfig, HealthMonitor, SensorHealthConfig
from anyseg_core.types import DepthRecord, EventArray, EventRecord, LidarRecord, RgbRecord

MS = 1_000_000
START_NS = 1_700_000_000_000_000_000
WIDTH, HEIGHT = 96, 72


class Source:
    """Makes readings; all noise is seeded."""

    def __init__(self):
        self.rng = np.random.default_rng(3)

    def image(self, level=110.0, contrast=45.0):
        """A textured picture with a camera's noise, uint8 [H, W, 3]."""
        y, x = np.mgrid[:HEIGHT, :WIDTH]
        texture = level + contrast * np.sin(x / 7.0) * np.cos(y / 9.0)
        noisy = texture[..., None] + self.rng.normal(0, 2, (HEIGHT, WIDTH, 3))
        return np.clip(noisy, 0, 255).astype(np.uint8)

    def rgb(self, image=None, level=110.0, contrast=45.0, lamp=0):
        """Pictures, each with noise of its own, or the one given."""

        def make(t):
            fresh = self.image(level, contrast) if image is None else image.copy()
            fresh[30:40, 40:50] |= lamp
            return RgbRecord(t, "camera", fresh)

        return make

    def depth(self, invalid=0.1, depth=None):
        def make(t):
            values = self.rng.integers(500, 9000, (HEIGHT, WIDTH)).astype(np.uint16)
            values[self.rng.random(values.shape) < invalid] = 0
            return DepthRecord(t, "camera", values if depth is None else depth, 0.001)

        return make

    def lidar(self, returns=4000, misses=500):
        def make(t):
            points = self.rng.normal(0, 10, (returns + misses, 4)).astype(np.float32)
            points[returns:] = np.nan
            return LidarRecord(t, "lidar", points)

        return make

    def event(self, count=700, columns=WIDTH):
        """Packets of 10 ms: 700 events are ten per pixel and second, in some columns."""

        def make(t):
            n = self.rng.poisson(count)
            events = EventArray(
                self.rng.integers(0, columns, n).astype(np.uint16),
                self.rng.integers(0, HEIGHT, n).astype(np.uint16),
                np.full(n, t, np.int64),
                np.zeros(n, np.uint8),
            )
            return EventRecord(t, "event", events, WIDTH, HEIGHT)

        return make

    def clean(self, modality):
        return getattr(self, modality)()


LOSSES = {
    "lidar_lost_sector": lambda azimuth, _ring: np.abs(azimuth) < 0.5,
    "lidar_lost_rings": lambda _azimuth, ring: ring % 3 == 0,
}


def make_street(rng, tilt=0.0, lost=None):
    """One turn of 24 rings over flat ground between walls 12 m away, 2 cm of noise."""
    azimuth, ring = np.meshgrid(np.linspace(-np.pi, np.pi, 360, endpoint=False), np.arange(24))
    up = 0.1 - 0.0211 * ring
    reach = np.minimum(12 / np.cos(up), np.where(up < 0, 1.8 / np.sin(np.maximum(-up, 1e-3)), 99))
    reach = reach + 0.02 * rng.standard_normal(reach.shape)
    points = np.stack(
        [reach * np.cos(up) * np.cos(azimuth), reach * np.cos(up) * np.sin(azimuth),
         reach * np.sin(up), np.full(up.shape, 9.0)], -1,
    )  # fmt: skip
    points[LOSSES[lost](azimuth, ring) if lost else False] = np.inf
    points = points.reshape(-1, 4).astype(np.float32)
    turn = np.array([[np.cos(tilt), 0, np.sin(tilt)], [0, 1, 0], [-np.sin(tilt), 0, np.cos(tilt)]])
    finite = np.isfinite(points[:, 0])
    points[finite, :3] = points[finite, :3] @ turn.T
    return points


class Bench:
    """One sensor under watch."""

    def __init__(self, modality, period_ms, **config):
        self.monitor = HealthMonitor(
            HealthConfig({"sensor": SensorHealthConfig(modality, **config)})
        )
        self.period_ns = period_ms * MS
        self.now_ns = START_NS

    def feed(self, make, count, stamp_offset_ns=0):
        """Observe ``count`` readings; return the verdicts after each."""
        verdicts = []
        for _ in range(count):
            self.now_ns += self.period_ns
            self.monitor.observe("sensor", make(self.now_ns + stamp_offset_ns), self.now_ns)
            verdicts.append(self.verdict())
        return verdicts

    def verdict(self):
        return self.monitor.verdicts(self.now_ns)["sensor"]

    def wait(self, ms):
        self.now_ns += ms * MS
        return self.verdict()


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def bench():
    return Bench


@pytest.fixture
def street():
    return make_street
