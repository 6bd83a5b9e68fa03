from __future__ import annotations

import numpy as np
import pytest

from anyseg_core.simulation.relief import Relief


def struck(ray, corner):
    """Return whether a ray strikes one of the triangles [T, 3, 3] (Moeller and Trumbore)."""
    origin, direction = ray[:3], ray[3:]
    edge1, edge2 = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    p = np.cross(direction, edge2)
    determinant = np.einsum("ij,ij->i", edge1, p)
    with np.errstate(divide="ignore", invalid="ignore"):
        s = origin - corner[:, 0]
        u = np.einsum("ij,ij->i", s, p) / determinant
        q = np.cross(s, edge1)
        v = q @ direction / determinant
        t = np.einsum("ij,ij->i", edge2, q) / determinant
        return bool(((u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0)).any())


@pytest.mark.parametrize("direction", [(0.6, 0.0, 0.8), (-0.7, 0.7, 0.14), (0.0, 0.0, 1.0)])
def test_every_ray_that_strikes_something_is_a_candidate_and_most_others_are_not(direction):
    rng = np.random.default_rng(5)
    along = np.array(direction, np.float32)
    along /= np.linalg.norm(along)
    place = rng.uniform([0, 0, 2], [30, 20, 6], (60, 1, 3))
    triangles = (place + rng.uniform(-1.5, 1.5, (60, 3, 3))).astype(np.float32)
    start = rng.uniform([-9, -9, 0], [39, 29, 6], (4000, 3))
    rays = np.column_stack([start, np.tile(along, (4000, 1))]).astype(np.float32)
    known = np.zeros(4000, bool)
    candidates = Relief(triangles, along, 0.5).candidates(rays, known)
    hit = {n for n, ray in enumerate(rays.astype(np.float64)) if struck(ray, triangles)}
    assert len(hit) > 20
    assert hit <= set(candidates.tolist())
    assert len(candidates) < 0.7 * len(rays)
    known[candidates[::2]] = True
    again = Relief(triangles, along, 0.5).candidates(rays, known)
    np.testing.assert_array_equal(again, candidates[1::2])


def test_a_thing_lower_than_a_point_throws_no_shadow_on_it():
    floor = np.array([[[0, 0, 0], [9, 0, 0], [0, 9, 0]]], np.float32)
    relief = Relief(floor, np.array([0.0, 0.6, 0.8], np.float32), 0.5)
    rays = np.array([[2, 2, 0.02, 0, 0.6, 0.8], [2, 1, -1.0, 0, 0.6, 0.8]], np.float32)
    assert relief.candidates(rays, np.zeros(2, bool)).tolist() == [1]
