"""Typed records that pass between the layers.

Time is integer nanoseconds, distances are metres, angles radians. Records hold arrays without
copying them; whoever makes a record gives the array away and does not write to it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000

MODALITIES: tuple[str, ...] = ("rgb", "depth", "event", "lidar")
"""The four modalities of DELIVER, in the order in which both papers name them."""

MODALITY_LETTERS: dict[str, str] = {"rgb": "R", "depth": "D", "event": "E", "lidar": "L"}
"""One letter each, as in the papers' tables: all four present is ``RDEL``."""

IGNORE_LABEL = 255
"""Label of a pixel without a class, as in Cityscapes, DELIVER and vision_msgs/LabelInfo."""

EventRepresentation = Literal["polarity_counts", "voxel_grid", "time_surface"]
EVENT_REPRESENTATIONS: tuple[EventRepresentation, ...] = get_args(EventRepresentation)
"""What the three channels of an event image may be."""

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

    Points may hold NaN (invalid) and Inf (no return), as REP 117 has it. ``point_t_ns`` is int64
    [N], the time of each point on the stamp's clock; None where the driver gives none.
    """

    stamp_ns: int
    frame_id: str
    points: Float32Array
    point_t_ns: NDArray[np.int64] | None = None


Record = RgbRecord | DepthRecord | EventRecord | EventFrameRecord | LidarRecord


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """How a body moves, in its own frame (nav_msgs/Odometry's twist in ``child_frame_id``).

    Attributes:
        stamp_ns: when it was measured.
        frame_id: the body's frame.
        linear_mps: float64 [3], velocity of the frame's origin in metres per second.
        angular_radps: float64 [3], turn rate in radians per second.
    """

    stamp_ns: int
    frame_id: str
    linear_mps: Float64Array
    angular_radps: Float64Array
