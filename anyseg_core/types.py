"""Typed records that pass between the layers.

Time is integer nanoseconds, distances are metres, angles radians. Records hold arrays without
copying them; whoever makes a record gives the array away and does not write to it again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MODALITIES: tuple[str, ...] = ("rgb", "depth", "event", "lidar")
"""The four modalities of DELIVER, in the order in which both papers name them."""

MODALITY_LETTERS: dict[str, str] = {"rgb": "R", "depth": "D", "event": "E", "lidar": "L"}
"""One letter each, as in the papers' tables: all four present is ``RDEL``."""

IGNORE_LABEL = 255
"""Label of a pixel without a class, as in Cityscapes, DELIVER and vision_msgs/LabelInfo."""

UInt8Array = NDArray[np.uint8]
Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class EventArray:
    """Events of one packet, in the order in which the sensor gave them.

    Attributes:
        x: uint16 [N], column in pixels.
        y: uint16 [N], row in pixels.
        t_ns: int64 [N], time in nanoseconds.
        p: uint8 [N], 1 where the brightness rose, 0 where it fell.
    """

    x: NDArray[np.uint16]
    y: NDArray[np.uint16]
    t_ns: NDArray[np.int64]
    p: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True, slots=True)
class RgbRecord:
    """One colour image: ``image`` is uint8 [H, W, 3] in RGB order."""

    stamp_ns: int
    frame_id: str
    image: UInt8Array


@dataclass(frozen=True, slots=True)
class DepthRecord:
    """One depth image (REP 118): ``depth`` is uint16 or float32 [H, W]; 0 and NaN are invalid.

    ``metres_per_unit`` is 0.001 for 16UC1 millimetres and 1.0 for 32FC1 metres.
    """

    stamp_ns: int
    frame_id: str
    depth: NDArray[np.uint16] | Float32Array
    metres_per_unit: float


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One packet of events from a sensor of ``width`` x ``height`` pixels.

    ``stamp_ns`` is the time of the packet's first event on the same clock as ``events.t_ns``.
    """

    stamp_ns: int
    frame_id: str
    events: EventArray
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class EventFrameRecord:
    """Events already rendered to an image by the driver: ``image`` is uint8 [H, W, 3]."""

    stamp_ns: int
    frame_id: str
    image: UInt8Array


@dataclass(frozen=True, slots=True)
class LidarRecord:
    """One sweep: ``points`` is float32 [N, 4], x, y, z in metres and intensity as the driver gives.

    Points may hold NaN (invalid) and Inf (no return), as REP 117 has it.
    """

    stamp_ns: int
    frame_id: str
    points: Float32Array


Record = RgbRecord | DepthRecord | EventRecord | EventFrameRecord | LidarRecord
