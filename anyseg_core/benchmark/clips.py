"""Clean recordings of the simulated rig, rendered once and kept in a folder."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.errors import ConfigurationError
from anyseg_core.simulation import RigConfig, SimulatedRig
from anyseg_core.types import (
    DepthRecord,
    EventArray,
    EventRecord,
    LidarRecord,
    Record,
    RgbRecord,
    UInt8Array,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PERIOD_NS = {
    "rgb": 100_000_000,
    "depth": 100_000_000,
    "event": 50_000_000,
    "lidar": 100_000_000,
}
"""Time between two readings of each sensor of a clip."""


@dataclass(frozen=True, slots=True)
class ClipConfig:
    """One clip: a street, its weather, and how long and how large it is.

    Attributes:
        seed: of the street, the traffic and the noise.
        condition: one of ``simulation.config.CONDITIONS``.
        seconds: length.
        size: columns and rows of the cameras.
    """

    seed: int
    condition: str
    seconds: int
    size: int

    @property
    def name(self) -> str:
        """The clip's file name, without its ending."""
        return f"{self.condition}-{self.seed}-{self.size}px-{self.seconds}s"


@dataclass(frozen=True, slots=True)
class Clip:
    """The readings of one clip, by sensor; stamps begin at one period.

    Attributes:
        config: what was rendered.
        rgb: uint8 [T, H, W, 3].
        depth: uint16 [T, H, W], millimetres.
        lidar: float32 [T, N, 4].
        x: uint16, columns of all events.
        y: uint16, rows of all events.
        t_ns: int64, times of all events.
        p: uint8, polarities of all events.
        first: int64 [P + 1], where each packet's events begin, and where the last one's end.
    """

    config: ClipConfig
    rgb: UInt8Array
    depth: NDArray[np.uint16]
    lidar: NDArray[np.float32]
    x: NDArray[np.uint16]
    y: NDArray[np.uint16]
    t_ns: NDArray[np.int64]
    p: UInt8Array
    first: NDArray[np.int64]

    def count(self, sensor: str) -> int:
        """Return the number of the sensor's readings."""
        return len(self.first) - 1 if sensor == "event" else len(getattr(self, sensor))

    def reading(self, sensor: str, index: int) -> tuple[int, Record]:
        """Return when a reading arrives, in nanoseconds since the clip's start, and itself."""
        now_ns = (index + 1) * PERIOD_NS[sensor]
        if sensor == "rgb":
            return now_ns, RgbRecord(now_ns, sensor, self.rgb[index])
        if sensor == "depth":
            return now_ns, DepthRecord(now_ns, sensor, self.depth[index], 0.001)
        if sensor == "lidar":
            return now_ns, LidarRecord(now_ns, sensor, self.lidar[index])
        part = slice(self.first[index], self.first[index + 1])
        events = EventArray(self.x[part], self.y[part], self.t_ns[part], self.p[part])
        stamp_ns = int(events.t_ns[0]) if len(events) else now_ns - PERIOD_NS[sensor]
        height, width = self.rgb.shape[1:3]
        return now_ns, EventRecord(stamp_ns, sensor, events, width, height)


def load_clip(config: ClipConfig, folder: Path | None) -> Clip:
    """Return a clip from the folder; rendered, and kept there, where it is not.

    Args:
        config: which clip.
        folder: where clips are kept; None renders it without keeping it.

    Raises:
        ConfigurationError: the folder cannot be written to.
    """
    path = None if folder is None else folder / f"{config.name}.npz"
    if path is not None and path.exists():
        with np.load(path) as kept:
            return Clip(config, **{name: kept[name] for name in kept.files})
    clip = _render(config)
    if path is not None:
        arrays: dict[str, Any] = {
            each.name: getattr(clip, each.name) for each in fields(clip) if each.name != "config"
        }
        part = path.with_suffix(".part.npz")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(part, **arrays)
            part.rename(path)
        except OSError as error:
            raise ConfigurationError(
                f"{path}: {error.strerror}", "a folder that can be written to", "choose another"
            ) from None
    return clip


def _render(config: ClipConfig) -> Clip:
    rig = SimulatedRig(
        RigConfig(
            seed=config.seed, width=config.size, height=config.size, condition=config.condition,
            event_step_ns=PERIOD_NS["event"],
        )
    )  # fmt: skip
    rgb, depth, lidar = [], [], []
    packets: list[EventArray] = []
    for end_ns in range(PERIOD_NS["event"], config.seconds * 10**9 + 1, PERIOD_NS["event"]):
        packets.append(rig.events(end_ns - PERIOD_NS["event"], end_ns).events)
        if end_ns % PERIOD_NS["rgb"] == 0:
            rgb.append(rig.rgb(end_ns).image)
            depth.append(rig.depth(end_ns).depth.astype(np.uint16, copy=False))
            lidar.append(rig.lidar(end_ns).points)
    return Clip(
        config,
        np.stack(rgb),
        np.stack(depth),
        np.stack(lidar),
        np.concatenate([packet.x for packet in packets]),
        np.concatenate([packet.y for packet in packets]),
        np.concatenate([packet.t_ns for packet in packets]),
        np.concatenate([packet.p for packet in packets]),
        np.cumsum([0, *(len(packet) for packet in packets)]),
    )
