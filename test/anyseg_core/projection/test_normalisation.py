"""Normalised channels are 0 where nothing was measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.normalisation import DEFAULT_NORMALISATION, Normalisation
from anyseg_core.projection import normalise
from anyseg_core.types import MODALITIES

STATISTICS = Normalisation((1.0, -2.0, 0.5), (2.0, 0.25, 10.0))


@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(0, 12), st.booleans())
def test_it_is_the_formula_where_valid_and_zero_elsewhere(seed, height, width, strided):
    random = np.random.default_rng(seed)
    channels = random.normal(0, 10, (3, height, width)).astype(np.float32)
    valid = random.random((height, width)) < 0.5
    if strided:
        channels, valid = channels[:, ::-1].swapaxes(1, 2), valid[::-1].T
    mean, std = (np.array(v)[:, None, None] for v in (STATISTICS.mean, STATISTICS.std))
    expected = np.where(valid, (channels - mean) / std, 0.0)
    assert np.allclose(normalise(channels, valid, STATISTICS), expected, atol=1e-4)
    everywhere = normalise(channels, None, STATISTICS)
    assert np.allclose(everywhere, (channels - mean) / std, atol=1e-4)


def test_nan_where_invalid_does_not_reach_the_result():
    channels = np.full((3, 2, 2), np.nan, np.float32)
    assert not normalise(channels, np.zeros((2, 2), bool), STATISTICS).any()


@pytest.mark.parametrize("valid", [None, np.array([[True, False, True]])])
def test_channels_may_be_normalised_in_place(valid):
    channels = np.arange(9, dtype=np.float32).reshape(3, 1, 3)
    expected = normalise(channels, valid, STATISTICS)
    assert normalise(channels, valid, STATISTICS, channels) is channels
    assert np.array_equal(channels, expected)


def test_every_modality_has_statistics_and_muses_numbers_are_as_published():
    assert set(DEFAULT_NORMALISATION) == set(MODALITIES)
    assert DEFAULT_NORMALISATION["lidar"].std == (13.35, 17.64, 1.23)
    assert DEFAULT_NORMALISATION["event"].mean == (0.126, 0.127, 0.0)


@pytest.mark.parametrize(
    ("mean", "std"),
    [((0, 0), (1, 1, 1)), ((0, 0, 0), (1, 1)), ((0, 0, 0), (1, 0, 1)), ((0, np.nan, 0), (1, 1, 1)),
     ((0, 0, 0), (1, np.inf, 1)), ((0, 0, 0), (1, -1, 1))],
)  # fmt: skip
def test_statistics_that_make_no_sense_are_refused(mean, std):
    with pytest.raises(ConfigurationError, match="normalisation with mean"):
        Normalisation(mean, std)


def test_arrays_that_do_not_fit_are_refused():
    channels = np.zeros((3, 4, 5), np.float32)
    with pytest.raises(RecordError, match="channels of"):
        normalise(channels[:2], None, STATISTICS)
    with pytest.raises(RecordError, match="channels of"):
        normalise(channels.astype(np.float64), None, STATISTICS)
    with pytest.raises(RecordError, match="valid of"):
        normalise(channels, np.zeros((5, 4), bool), STATISTICS)
    with pytest.raises(ConfigurationError, match="out of"):
        normalise(channels, None, STATISTICS, np.zeros((3, 5, 4), np.float32))
