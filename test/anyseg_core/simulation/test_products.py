from __future__ import annotations

import numpy as np
import pytest

from anyseg_core.simulation.products import dots, turned


@pytest.fixture
def vectors():
    return np.random.default_rng(0).standard_normal((20_003, 3)).astype(np.float32)


@pytest.mark.parametrize("count", [0, 1, 7, 100, 1003, 16_384, 20_003])
def test_dot_products_are_exact_to_the_roundings_of_their_three_terms(vectors, count):
    along = np.array([0.3, -0.8, 0.52], np.float32)
    wanted = vectors[:count].astype(np.float64) @ along.astype(np.float64)
    got = dots(vectors[:count], along)
    assert got.dtype == np.float32
    size = np.abs(vectors[:count].astype(np.float64) * along).sum(1)
    assert np.all(np.abs(got - wanted) <= 3 * 2.0**-24 * size)


def test_terms_are_added_in_one_order_that_depends_on_the_count_alone():
    # 2**24 + 1 is no float32: what is lost shows which terms were added first.
    along = np.ones(3, np.float32)
    row = np.array([2.0**24, 1.0, 1.0], np.float32)
    first_two_first = (np.float32(2.0**24) + np.float32(1.0)) + np.float32(1.0)
    rows = np.tile(row, (11, 1))
    assert dots(rows, along).tolist() == [float(first_two_first)] * 11


def test_turned_vectors_are_those_of_the_matrix_product(vectors):
    angle = 0.7
    rotation = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    wanted = vectors.astype(np.float64) @ rotation.T
    got = turned(vectors, rotation)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, wanted, atol=2e-6)
    np.testing.assert_allclose(turned(got, rotation.T), vectors, atol=4e-6)
