from __future__ import annotations

import sys

import numpy as np
import pytest

from anyseg_core.errors import MissingDependencyError
from anyseg_core.simulation import SimulatedRig
from anyseg_core.simulation.materials import Material
from anyseg_core.simulation.meshes import Surface, box, merged
from anyseg_core.simulation.raycasting import RaycastWorld

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
