from __future__ import annotations

import sys

import numpy as np
import pytest

from anyseg_core.errors import MissingDependencyError
from anyseg_core.simulation import SimulatedRig
from anyseg_core.simulation.materials import Material
from anyseg_core.simulation.meshes import Surface, box, merged
from anyseg_core.simulation.raycasting import RaycastWorld, _normals

WALL = Surface("Wall", Material.BRICK, (0.5, 0.2, 0.1))
CAR = Surface("Cars", Material.CAR_PAINT, (0.1, 0.2, 0.6))


def test_a_missing_open3d_is_told_in_one_sentence_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "open3d", None)
    with pytest.raises(MissingDependencyError) as caught:
        SimulatedRig()
    assert "pip install open3d-cpu" in str(caught.value)
    assert "libusb-1.0-0" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("make_rig")
def test_the_nearer_of_a_static_and_a_moving_thing_is_seen():
    world = RaycastWorld(merged([box((10, -1, -1), (11, 1, 1), WALL)]))
    origin = np.zeros((3, 3), np.float32)
    along = np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0]], np.float32)
    before = world.at(box((4, -1, -1), (5, 1, 1), CAR)).cast(origin, along)
    behind = world.at(box((14, -1, -1), (15, 1, 1), CAR)).cast(origin, along)
    assert before.struck.tolist() == [True, False, False]
    assert before.range_m[0] == pytest.approx(4.0)
    assert before.class_id[0] == CAR.class_id
    assert before.material[0] == Material.CAR_PAINT
    assert behind.range_m[0] == pytest.approx(10.0)
    assert behind.class_id[0] == WALL.class_id
    np.testing.assert_allclose(behind.normal[0], [-1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(behind.texture[0], [10, 0, 0], atol=1e-5)
    np.testing.assert_allclose(behind.colour[0], WALL.colour)


@pytest.mark.usefixtures("make_rig")
def test_a_shadow_ends_at_the_distance_asked_for():
    instant = RaycastWorld(box((10, -1, -1), (11, 1, 1), WALL)).at(box((0, 8, -1), (1, 9, 1), CAR))
    start = np.array([[0, 0, 0], [0.5, 0, 0], [0, 0, 0]], np.float32)
    along = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    assert instant.occluded(start, along, 50.0).tolist() == [True, True, False]
    assert instant.occluded(start, along, 9.0).tolist() == [False, True, False]


@pytest.mark.usefixtures("make_rig")
def test_the_map_of_heights_spares_rays_and_changes_no_shadow():
    rng = np.random.default_rng(2)
    low = rng.uniform([0, 0, 0], [40, 40, 5], (30, 3))
    boxes = [box(tuple(at), tuple(at + rng.uniform(0.3, 3, 3)), WALL) for at in low]
    instant = RaycastWorld(merged(boxes[:20])).at(merged(boxes[20:]))
    points = rng.uniform([-3, -3, 0], [45, 45, 8], (3000, 3)).astype(np.float32)
    sun = np.array([0.48, -0.6, 0.64], np.float32)
    every = np.tile(sun, (3000, 1))
    for far_m in (3.0, 200.0):
        wanted = instant.occluded(points, every, far_m)
        assert 0.02 < wanted.mean() < 0.9
        np.testing.assert_array_equal(instant.occluded(points, sun, far_m), wanted)


def test_normals_are_those_of_the_array_expression():
    mesh = box((1, -2, 0.3), (4.1, 1, 7), WALL).moved((3, 1, 0), 0.7)
    corner = mesh.vertices
    wanted = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    wanted /= np.maximum(np.linalg.norm(wanted, axis=1, keepdims=True), 1e-12)
    np.testing.assert_array_equal(_normals(mesh), wanted)
