"""Skips what needs the ray caster where it is not installed, and small plans."""

from __future__ import annotations

import pytest

from anyseg_core.errors import MissingDependencyError
from anyseg_core.recording import DatasetPlan
from anyseg_core.simulation.raycasting import import_open3d


@pytest.fixture(scope="session")
def ray_caster():
    try:
        return import_open3d()
    except MissingDependencyError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def small_plan(ray_caster):
    assert ray_caster
    return DatasetPlan(7, {"train": 2, "test": 1}, 48, 32)
