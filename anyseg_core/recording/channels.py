"""What the network would see of a drive: the node's own projection, before normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.config import PipelineConfig
from anyseg_core.geometry import Camera
from anyseg_core.normalisation import Normalisation
from anyseg_core.projection.projector import Projector
from anyseg_core.simulation import SimulatedRig
from anyseg_core.simulation.faults import corrupt
from anyseg_core.types import MODALITIES

if TYPE_CHECKING:
    from anyseg_core.recording.plan import Sequence
    from anyseg_core.types import Float32Array, Float64Array, Record, UInt8Array

_AS_IT_IS = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


@dataclass(frozen=True, slots=True)
class ObservedFrame:
    """One instant: float32 [3, H, W] of each modality in physical units, and the true classes."""

    channels: dict[str, Float32Array]
    labels: UInt8Array


class _RigExtrinsics:
    """The rig's own extrinsics: its cameras share one place."""

    def __init__(self, rig: SimulatedRig) -> None:
        self._camera_from_lidar = rig.camera_from_lidar

    def camera_from_sensor(self, sensor: str, camera_frame: str, sensor_frame: str) -> Float64Array:
        """See ``projector.ExtrinsicsSource``."""
        del camera_frame, sensor_frame
        return self._camera_from_lidar if sensor == "lidar" else np.eye(4)


class Observer:
    """Drives along one sequence and gives what the network would be fed.

    Events are those of the pipeline's default window, LiDAR points nearer than its default
    ``min_range_m`` are dropped, so that weights trained on the result work in the node.

    Args:
        sequence: the drive.
        width: columns of the images.
        height: rows of the images.
    """

    def __init__(self, sequence: Sequence, width: int, height: int) -> None:
        config = PipelineConfig()
        self._sequence = sequence
        self._window_ns = config.sensors["event"].window_ns
        self._rig = SimulatedRig(sequence.rig(width, height))
        self._projector = Projector(
            width, height, dict.fromkeys(MODALITIES, _AS_IT_IS), aligned=("depth", "event"),
            extrinsics=_RigExtrinsics(self._rig), cameras={}, min_range_m=config.min_range_m,
        )  # fmt: skip
        camera = Camera(width, height, self._rig.camera_matrix.tolist())
        self._projector.set_camera(camera, self._rig.calibration["camera_frame"])

    def frame(self, t_ns: int) -> ObservedFrame:
        """Return what is seen at an instant; LiDAR sweeps are older by the sequence's lag."""
        readings: dict[str, Record] = {
            "event": self._rig.events(t_ns - self._window_ns, t_ns),
            "rgb": self._rig.rgb(t_ns),
            "depth": self._rig.depth(t_ns),
            "lidar": self._rig.lidar(t_ns - self._sequence.sweep_lag_ns),
        }
        for fault in self._sequence.faults:
            reading = readings[fault.sensor]
            readings[fault.sensor] = corrupt(reading, fault, self._sequence.street_seed)
        channels = {
            name: self._projector.project(name, [readings[name]], t_ns) for name in MODALITIES
        }
        return ObservedFrame(channels, self._rig.labels(t_ns))
