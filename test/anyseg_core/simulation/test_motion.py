from __future__ import annotations

import numpy as np

from anyseg_core.simulation.motion import Traffic, draw_ego
from anyseg_core.simulation.plan import BEHIND_M, PERIOD_M, draw_plan

T_NS = 2_300_000_000


def slow_vertices(traffic, rows, t_ns):
    """Swing and place the triangles by array expressions, [T, 3, 3]."""
    t, ego_x = t_ns * 1e-9, traffic._ego.x(t_ns)
    along = np.where(
        traffic._with_ego,
        traffic._start + traffic._ego.travelled_m(t_ns) + 1.5 * np.sin(0.3 * t + traffic._phase),
        traffic._start + traffic._speed * t,
    )
    x = ego_x + (along - ego_x + BEHIND_M) % PERIOD_M - BEHIND_M
    heading = traffic._plan.heading(x) + np.where(traffic._speed < 0, np.pi, 0.0)
    part = traffic._part[rows]
    owner, swing, pivot = traffic._owner[part], traffic._swing[part], traffic._pivot[part, None]
    angle = 0.55 * swing * np.sin(traffic._stride * t + traffic._phase)[owner]
    point = traffic._rest.vertices[rows].astype(np.float64)
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    px, pz = point[..., 0], point[..., 2] - pivot
    px, pz = cos * px + sin * pz, cos * pz - sin * px + pivot
    cos, sin = np.cos(heading)[owner, None], np.sin(heading)[owner, None]
    y = (traffic._plan.bend(x) + traffic._lateral)[owner, None]
    return np.stack(
        [cos * px - sin * point[..., 1] + x[owner, None], sin * px + cos * point[..., 1] + y,
         pz + traffic._height[owner, None]], -1,
    )  # fmt: skip


def test_travellers_stand_where_the_array_expression_puts_them():
    plan = draw_plan(np.random.default_rng([4, 1]))
    traffic = Traffic(plan, draw_ego(plan, 4, 7.0), 4)
    mesh = traffic.mesh(T_NS)
    every = slow_vertices(traffic, np.arange(len(traffic._rest)), T_NS)
    near = {tuple(np.rint(100 * corner).astype(int)) for corner in every.mean(1)}
    seen = np.rint(100 * mesh.vertices.astype(np.float64).mean(1)).astype(int)
    found = [
        any(
            (a + i, b + j, c + k) in near
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
            for k in (-1, 0, 1)
        )
        for a, b, c in seen[::29]
    ]
    assert len(found) > 100
    assert all(found)
