"""Who moves, and where everybody is at an instant: pure functions of time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.kernels import array_out, constants_in, kernel
from anyseg_core.simulation.ground import KERB_M
from anyseg_core.simulation.meshes import Mesh, merged
from anyseg_core.simulation.people import SwingPart, pedestrian, rider
from anyseg_core.simulation.plan import BEHIND_M, LANE_M, PERIOD_M, StreetPlan
from anyseg_core.simulation.vehicles import bus, car, truck, two_wheeler

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.types import BoolArray, Float32Array, Float64Array

CAMERA_HEIGHT_M = 1.65
_NS = 1e-9
_SEEN_M, _PERSON_SEEN_M = 140.0, 80.0
"""Vehicles and people farther ahead than this are left out: they would be a pixel or two."""


@dataclass(frozen=True, slots=True)
class EgoMotion:
    """The ego vehicle's drive along its lane: a mean speed, gently raised and lowered.

    Attributes:
        plan: the street.
        speed_mps: mean speed; the actual one swings by a quarter of it.
        start_m: place at time 0.
        phase: phase of the swing.
    """

    plan: StreetPlan
    speed_mps: float
    start_m: float
    phase: float

    def travelled_m(self, t_ns: int) -> float:
        """Return the way driven since time 0."""
        t, rate = t_ns * _NS, 0.4
        swing = np.sin(rate * t + self.phase) - np.sin(self.phase)
        return float(self.speed_mps * (t + 0.25 / rate * swing))

    def x(self, t_ns: int) -> float:
        """Return the place along the street, within one period."""
        return (self.start_m + self.travelled_m(t_ns)) % PERIOD_M

    def world_from_vehicle(self, t_ns: int) -> Float64Array:
        """Return the 4 x 4 pose of the vehicle: origin on the road, x forward, y left, z up.

        The body nods and rolls by a fraction of a degree, as on a real road.
        """
        x, t = self.x(t_ns), t_ns * _NS
        yaw = float(self.plan.heading(x))
        pitch = 0.004 * np.sin(5.3 * t + self.phase) + 0.002 * np.sin(11.0 * t)
        roll = 0.003 * np.sin(3.7 * t + 2 * self.phase)
        lateral = -(self.plan.lanes - 0.5) * LANE_M + 0.15 * np.sin(0.31 * t + self.phase)
        pose = np.eye(4)
        pose[:3, :3] = rotation_zyx(yaw, pitch, roll)
        pose[:3, 3] = (x, float(self.plan.bend(x)) + lateral, 0.01 * np.sin(6.1 * t))
        return pose


def rotation_zyx(yaw_rad: float, pitch_rad: float, roll_rad: float) -> Float64Array:
    """Return the rotation about x by roll, then y by pitch, then z by yaw."""
    (cy, cp, cr), (sy, sp, sr) = (
        np.cos([yaw_rad, pitch_rad, roll_rad]),
        np.sin([yaw_rad, pitch_rad, roll_rad]),
    )
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


@dataclass(frozen=True, slots=True)
class _Actor:
    """One traveller: where it starts, how it moves, and its parts."""

    parts: tuple[SwingPart, ...]
    start_m: float
    lateral_m: float
    height_m: float
    speed_mps: float
    phase: float = 0.0
    stride_rad_s: float = 0.0
    with_ego: bool = False
    seen_m: float = _SEEN_M


def _vehicles(plan: StreetPlan, rng: np.random.Generator, ego: EgoMotion) -> list[_Actor]:
    actors = []
    for lane in range(plan.lanes):
        for direction in (1.0, -1.0):
            own = direction > 0
            x = 0.0
            while x < PERIOD_M - 40.0:
                x += float(rng.uniform(16.0, 45.0))
                near_ego = own and lane == plan.lanes - 1 and (x < 12.0 or x > PERIOD_M - 30.0)
                if near_ego:
                    continue
                kind = (car, bus, truck)[int(rng.choice(3, p=[0.74, 0.12, 0.14]))]
                actors.append(
                    _Actor(
                        ((kind(rng), 0.0, 0.0),), ego.start_m + x,
                        -direction * (lane + 0.5) * LANE_M, 0.0,
                        ego.speed_mps if own else -max(1.1 * ego.speed_mps, 3.0),
                        float(rng.uniform(0, 6.28)), with_ego=own,
                    )
                )  # fmt: skip
    return actors


def _cyclists(plan: StreetPlan, rng: np.random.Generator) -> list[_Actor]:
    actors = []
    for direction in (1.0, -1.0):
        for x in np.arange(0.0, PERIOD_M, 40.0) + rng.uniform(0, 20, 9):
            bicycle: list[SwingPart] = [(two_wheeler(rng), 0.0, 0.0)]
            lateral = -direction * (plan.lanes * LANE_M + 0.25)
            speed = direction * float(rng.uniform(3.5, 4.0))
            actors.append(
                _Actor(
                    (*bicycle, *rider(rng)), float(x), lateral, 0.0, speed, seen_m=_PERSON_SEEN_M
                )
            )
    return actors


def _walkers(plan: StreetPlan, rng: np.random.Generator) -> list[_Actor]:
    actors = []
    for index, x in enumerate(np.arange(0.0, PERIOD_M, 6.5)):
        direction = float(rng.choice([-1.0, 1.0]))
        side = 1.0 if index % 2 else -1.0
        nearest = max(1.0, plan.verge_m + 0.4)
        lateral = side * (plan.road_half_m + rng.uniform(nearest, plan.walk_m - 0.7))
        place = float(x + rng.uniform(-4, 4))
        speed = direction * float(rng.uniform(0.9, 1.6))
        phase = float(rng.uniform(0, 6.28))
        friends = 2 if rng.uniform() < 0.3 else 1
        actors += [
            _Actor(tuple(pedestrian(rng)), place + 0.3 * friend, lateral - side * 0.6 * friend,
                   KERB_M, speed, phase + friend, 4.6 * abs(speed), seen_m=_PERSON_SEEN_M)
            for friend in range(friends)
        ]  # fmt: skip
    return actors


class Traffic:
    """All that moves: vehicles that keep their lanes, cyclists, and walkers on the side walks.

    Args:
        plan: the street.
        ego: the ego vehicle, with whose speed its own lanes flow.
        seed: chooses the travellers.
    """

    def __init__(self, plan: StreetPlan, ego: EgoMotion, seed: int) -> None:
        rng = np.random.default_rng([seed, 2])
        self._plan, self._ego = plan, ego
        actors = [*_vehicles(plan, rng, ego), *_cyclists(plan, rng), *_walkers(plan, rng)]
        self._start = np.array([actor.start_m for actor in actors])
        self._lateral = np.array([actor.lateral_m for actor in actors])
        self._height = np.array([actor.height_m for actor in actors])
        self._speed = np.array([actor.speed_mps for actor in actors])
        self._with_ego = np.array([actor.with_ego for actor in actors])
        self._phase = np.array([actor.phase for actor in actors])
        self._seen = np.array([actor.seen_m for actor in actors])
        self._stride = np.array([actor.stride_rad_s for actor in actors])
        parts = [(i, part) for i, actor in enumerate(actors) for part in actor.parts]
        size = [len(mesh) for _, (mesh, _, _) in parts]
        self._rest = merged(mesh for _, (mesh, _, _) in parts)
        self._part = np.repeat(np.arange(len(parts)), size)
        self._owner = np.array([i for i, _ in parts])
        self._pivot = np.array([pivot for _, (_, pivot, _) in parts], np.float32)
        self._swing = np.array([swing for _, (_, _, swing) in parts], np.float64)

    def mesh(self, t_ns: int) -> Mesh:
        """Return the moving triangles near the ego vehicle at an instant.

        Travellers wrap round with the street: who falls back by ``BEHIND_M`` comes again far ahead.
        """
        t = t_ns * _NS
        ego_x = self._ego.x(t_ns)
        along = np.where(
            self._with_ego,
            self._start + self._ego.travelled_m(t_ns) + 1.5 * np.sin(0.3 * t + self._phase),
            self._start + self._speed * t,
        )
        x = ego_x + (along - ego_x + BEHIND_M) % PERIOD_M - BEHIND_M
        heading = self._plan.heading(x) + np.where(self._speed < 0, np.pi, 0.0)
        y = self._plan.bend(x) + self._lateral
        pose = np.stack([np.cos(heading), np.sin(heading), x, y, self._height]).astype(np.float32)
        ahead = x - ego_x
        seen = (ahead < self._seen) & (ahead > -0.4 * self._seen)
        rows = np.flatnonzero(seen[self._owner][self._part])
        angle = 0.55 * self._swing * np.sin(self._stride * t + self._phase)[self._owner]
        swung = np.stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
        vertices = np.empty((len(rows), 3, 3), np.float32)
        _place(
            rows, self._rest.vertices, self._part, self._swing != 0.0, self._pivot, swung,
            pose.take(self._owner, 1), vertices,
        )  # fmt: skip
        return replace(self._rest.selected(rows), vertices=vertices)


@kernel(
    (
        constants_in("int64", 1), constants_in("float32", 3), constants_in("int64", 1),
        constants_in("boolean", 1), constants_in("float32", 1), constants_in("float32", 2),
        constants_in("float32", 2), array_out("float32", 3),
    )
)  # fmt: skip
def _place(rows: NDArray[np.intp], rest: Float32Array, part: NDArray[np.intp], is_limb: BoolArray,
           pivot: Float32Array, swung: Float32Array, pose: Float32Array,
           vertices: Float32Array) -> None:  # fmt: skip
    """Swing the triangles ``rows`` about their parts' pivots, then turn and move them.

    ``swung`` is cosine and sine [2, P], ``pose`` cosine, sine, x, y and z [5, P] of the parts.
    """
    for n in range(len(rows)):
        p = part[rows[n]]
        limb_cos, limb_sin = swung[:, p]
        cos, sin, px, py, pz = pose[:, p]
        for corner in range(3):
            x, y, z = rest[rows[n], corner]
            if is_limb[p]:
                low = z - pivot[p]
                x, z = limb_cos * x + limb_sin * low, limb_cos * low - limb_sin * x + pivot[p]
            vertices[n, corner, 0] = cos * x - sin * y + px
            vertices[n, corner, 1] = sin * x + cos * y + py
            vertices[n, corner, 2] = z + pz


def draw_ego(plan: StreetPlan, seed: int, speed_mps: float) -> EgoMotion:
    """Return the ego vehicle's drive for a seed."""
    rng = np.random.default_rng([seed, 3])
    start = float(rng.uniform(0.0, PERIOD_M))
    return EgoMotion(plan, speed_mps, start, float(rng.uniform(0, 6.28)))
