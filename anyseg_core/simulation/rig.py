"""A rig of four sensors that drives along a simulated street."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from anyseg_core.errors import ConfigurationError
from anyseg_core.parallel import run_halves
from anyseg_core.simulation import camera, lidar, mounting
from anyseg_core.simulation.config import MAX_DEPTH_M, RigConfig
from anyseg_core.simulation.event_camera import EventCamera, log_intensity
from anyseg_core.simulation.motion import Traffic, draw_ego
from anyseg_core.simulation.raycasting import Instant, RaycastWorld
from anyseg_core.simulation.shading import Lighting
from anyseg_core.simulation.street import build_street
from anyseg_core.simulation.view import CameraView
from anyseg_core.types import (
    DepthRecord,
    EventRecord,
    Float32Array,
    Float64Array,
    LidarRecord,
    RgbRecord,
    UInt8Array,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_KEPT = 6
_Value = TypeVar("_Value")


class _Recent:
    """Values by instant, of which the few last used are kept."""

    def __init__(self) -> None:
        self._values: OrderedDict[int, Any] = OrderedDict()

    def get(self, t_ns: int, make: Callable[[int], _Value]) -> _Value:
        if t_ns in self._values:
            self._values.move_to_end(t_ns)
        else:
            self._values[t_ns] = make(t_ns)
            if len(self._values) > _KEPT:
                self._values.popitem(last=False)
        value: _Value = self._values[t_ns]
        return value

    def __contains__(self, t_ns: int) -> bool:
        return t_ns in self._values


class SimulatedRig:
    """A camera, a depth camera, an event camera and a LiDAR on a vehicle in a street.

    Time is simulated nanoseconds from 0. Every reading depends on the configuration and its time
    alone: the same call gives the same bytes, in any order of calls. Depth and events share the
    camera's image plane (frame "camera_optical"); the LiDAR has its own frame ("lidar", x
    forward, y left, z up). Not to be used by several threads at once.

    Args:
        config: street, image size, weather and sensors.

    Raises:
        MissingDependencyError: if Open3D cannot be imported.
    """

    def __init__(self, config: RigConfig | None = None) -> None:
        self.config = RigConfig() if config is None else config
        seed = self.config.seed
        street = build_street(seed)
        rng = np.random.default_rng([seed, 6])
        # The sun stands to one side, not straight ahead: streets photograph best so.
        azimuth = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.5, 2.2))
        self._lighting = Lighting(
            self.config.condition, azimuth, street.lamps, float(rng.uniform(0, 100))
        )
        self._ego = draw_ego(street.plan, seed, self.config.ego_speed_mps)
        self._traffic = Traffic(street.plan, self._ego, seed)
        self._world = RaycastWorld(street.mesh)
        self._camera_matrix = mounting.camera_matrix(self.config)
        self._event_camera = EventCamera(
            self.width, self.height, self.config.event_threshold, self.config.event_step_ns,
            self._lighting.weather.event_noise_hz, seed,
        )  # fmt: skip
        self._instants, self._views, self._voltages = _Recent(), _Recent(), _Recent()

    @property
    def width(self) -> int:
        """Columns of the image plane."""
        return self.config.width

    @property
    def height(self) -> int:
        """Rows of the image plane."""
        return self.config.height

    @property
    def camera_matrix(self) -> Float64Array:
        """The 3 x 3 intrinsics of camera, depth and events; there is no distortion."""
        return self._camera_matrix.copy()

    @property
    def camera_from_lidar(self) -> Float64Array:
        """The 4 x 4 transform from the LiDAR's frame to the camera's optical frame."""
        return mounting.inverse(mounting.vehicle_from_camera()) @ mounting.vehicle_from_lidar()

    @property
    def calibration(self) -> dict[str, Any]:
        """The calibration as plain data: numbers, lists and strings."""
        return {
            "width": self.width,
            "height": self.height,
            "camera_matrix": self.camera_matrix.tolist(),
            "distortion_model": "plumb_bob",
            "distortion": [0.0] * 5,
            "camera_frame": mounting.CAMERA_FRAME,
            "lidar_frame": mounting.LIDAR_FRAME,
            "camera_from_lidar": self.camera_from_lidar.tolist(),
        }

    def rgb(self, t_ns: int) -> RgbRecord:
        """Return the colour image at an instant."""
        image = camera.expose(self._view(t_ns).radiance, self._lighting.weather, self._rng(0, t_ns))
        return RgbRecord(t_ns, mounting.CAMERA_FRAME, image)

    def depth(self, t_ns: int) -> DepthRecord:
        """Return the depth image at an instant, uint16 millimetres; 0 is invalid."""
        far = min(self.config.max_range_m, MAX_DEPTH_M)
        depth = camera.measure_depth(
            self._view(t_ns), self._lighting.weather, far, self._rng(1, t_ns)
        )
        return DepthRecord(t_ns, mounting.CAMERA_FRAME, depth, 0.001)

    def lidar(self, t_ns: int) -> LidarRecord:
        """Return the sweep at an instant; see ``lidar.sweep`` for its order and missing points."""
        pose = self._ego.world_from_vehicle(t_ns) @ mounting.vehicle_from_lidar()
        points = lidar.sweep(
            self._instant(t_ns), pose, self.config, self._lighting.weather, self._rng(2, t_ns)
        )
        return LidarRecord(t_ns, mounting.LIDAR_FRAME, points)

    def events(self, t_start_ns: int, t_end_ns: int) -> EventRecord:
        """Return the events from ``t_start_ns`` up to but not including ``t_end_ns``.

        The record's stamp is its first event's time, or the window's start where it is empty.

        Raises:
            ConfigurationError: if the window is empty or runs backward.
        """
        if not _time(t_start_ns) < _time(t_end_ns):
            raise ConfigurationError(
                f"events from {t_start_ns} to {t_end_ns} ns", "a start before the end", "swap them"
            )
        self._look_ahead(self._event_camera.instants_ns(t_start_ns, t_end_ns))
        events = self._event_camera.window(self._voltage, t_start_ns, t_end_ns)
        stamp = int(events.t_ns[0]) if len(events) else t_start_ns
        return EventRecord(stamp, mounting.CAMERA_FRAME, events, self.width, self.height)

    def labels(self, t_ns: int) -> UInt8Array:
        """Return the true classes uint8 [H, W] at the pixels' middles, ids of DELIVER.

        Every ray strikes something or the sky, so no pixel is without a class.
        """
        return camera.labels_of(self._view(t_ns))

    def _look_ahead(self, instants_ns: Sequence[int]) -> None:
        """Render the views that will be wanted, two at a time, as many as are kept."""
        missing = [t_ns for t_ns in instants_ns if t_ns not in self._views][:_KEPT]
        if len(missing) < 2:
            return
        scenes: dict[int, Instant] = {}
        views: dict[int, CameraView] = {}

        def render(_: int, first: int, end: int) -> None:
            for t_ns in missing[first:end]:
                scenes[t_ns] = self._scene(t_ns)
                views[t_ns] = self._look(t_ns, scenes[t_ns])
                views[t_ns].coarse_radiance  # noqa: B018 - rendered now, kept in the view

        run_halves(render, len(missing))
        for t_ns in missing:
            self._instants.get(t_ns, scenes.__getitem__)
            self._views.get(t_ns, views.__getitem__)

    def _scene(self, t_ns: int) -> Instant:
        return self._world.at(self._traffic.mesh(t_ns))

    def _instant(self, t_ns: int) -> Instant:
        return self._instants.get(_time(t_ns), self._scene)

    def _view(self, t_ns: int) -> CameraView:
        return self._views.get(_time(t_ns), lambda now: self._look(now, self._instant(now)))

    def _look(self, t_ns: int, scene: Instant) -> CameraView:
        pose = self._ego.world_from_vehicle(t_ns) @ mounting.vehicle_from_camera()
        size = (self.width, self.height)
        return CameraView(scene, pose, self._camera_matrix, size, self._lighting)

    def _voltage(self, t_ns: int) -> Float32Array:
        exposure = self._lighting.weather.exposure
        return self._voltages.get(
            t_ns, lambda now: log_intensity(self._view(now).coarse_radiance, exposure)
        )

    def _rng(self, stream: int, t_ns: int) -> np.random.Generator:
        return np.random.default_rng([self.config.seed, 7, stream, t_ns])


def _time(t_ns: int) -> int:
    """Return a time that can be simulated."""
    if t_ns < 0:
        raise ConfigurationError(
            f"time {t_ns} ns", "simulated time from 0", "shift the stamps outside the simulator"
        )
    return int(t_ns)
