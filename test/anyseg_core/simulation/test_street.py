from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyseg_core.classes import DELIVER
from anyseg_core.simulation.motion import Traffic, draw_ego
from anyseg_core.simulation.plan import PERIOD_M, draw_plan
from anyseg_core.simulation.street import build_street


@pytest.fixture(scope="module")
def streets():
    return {seed: build_street(seed) for seed in (2, 0, 1)}


def names_of(mesh):
    return {DELIVER.names[index] for index in np.unique(mesh.class_id)}


def test_every_triangle_is_finite_and_has_a_class_of_deliver(streets):
    for street in streets.values():
        mesh = street.mesh
        assert np.isfinite(mesh.vertices).all()
        assert mesh.class_id.max() < len(DELIVER)
        lengths = {len(part) for part in (mesh.texture, mesh.material, mesh.colour, mesh.style)}
        assert lengths == {len(mesh)}


def test_a_street_has_what_a_street_needs(streets):
    needed = {
        "Building", "Road", "RoadLine", "SideWalk", "Vegetation", "Cars", "Pole", "TrafficSign",
        "TrafficLight", "Terrain",
    }  # fmt: skip
    for street in streets.values():
        assert needed <= names_of(street.mesh)


def test_three_streets_and_their_traffic_have_all_classes_of_deliver_but_the_sky(streets):
    seen = set()
    for seed, street in streets.items():
        traffic = Traffic(street.plan, draw_ego(street.plan, seed, 7.0), seed)
        seen |= names_of(street.mesh) | names_of(traffic.mesh(0))
    assert seen == set(DELIVER.names) - {"Sky"}


def test_the_same_seed_builds_the_same_street_and_another_seed_another(streets):
    again = build_street.__wrapped__(1)
    assert np.array_equal(again.mesh.vertices, streets[1].mesh.vertices)
    assert np.array_equal(again.mesh.class_id, streets[1].mesh.class_id)
    assert len(streets[2].mesh) != len(streets[1].mesh)


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_gaps_and_spans_together_make_up_the_period(seed):
    plan = draw_plan(np.random.default_rng(seed))
    length = sum(end - start for start, end in plan.spans())
    length += sum(2 * gap.half_m for gap in plan.gaps)
    assert length == pytest.approx(PERIOD_M)
    assert all(end > start for start, end in plan.spans())


@given(st.integers(0, 10_000), st.floats(-400, 800))
@settings(max_examples=50, deadline=None)
def test_the_heading_is_the_slope_of_the_bend_and_both_repeat(seed, x):
    plan = draw_plan(np.random.default_rng(seed))
    slope = (plan.bend(x + 1e-3) - plan.bend(x - 1e-3)) / 2e-3
    assert np.tan(plan.heading(x)) == pytest.approx(float(slope), abs=1e-5)
    assert float(plan.bend(x + PERIOD_M)) == pytest.approx(float(plan.bend(x)), abs=1e-9)


def test_the_ego_vehicle_drives_forward_at_its_mean_speed(streets):
    ego = draw_ego(streets[0].plan, 0, 7.0)
    way = [ego.travelled_m(t * 100_000_000) for t in range(601)]
    assert np.all(np.diff(way) > 0.0)
    assert way[-1] / 60.0 == pytest.approx(7.0, rel=0.05)


def test_no_traveller_ever_stands_where_the_ego_vehicle_is(streets):
    for seed, street in streets.items():
        ego = draw_ego(street.plan, seed, 7.0)
        traffic = Traffic(street.plan, ego, seed)
        for t_ns in range(0, 30_000_000_000, 2_500_000_000):
            pose = ego.world_from_vehicle(t_ns)
            local = (traffic.mesh(t_ns).vertices.reshape(-1, 3) - pose[:3, 3]) @ pose[:3, :3]
            inside = (np.abs(local[:, 0]) < 2.0) & (np.abs(local[:, 1]) < 0.8)
            assert not inside.any()
