"""The clock around a network, in front of a real one."""

import time

import numpy as np
import pytest

from anyseg_core.errors import RecordError
from anyseg_core.runtime import load_segmenter
from anyseg_core.runtime.timed_segmenter import TimedSegmenter

TENSORS = {"rgb": np.random.default_rng(0).normal(size=(3, 64, 96)).astype(np.float32)}


@pytest.fixture(scope="module")
def segmenter():
    return load_segmenter(backend="torch", device="cpu")


def test_it_answers_as_the_network_itself(segmenter):
    timed = TimedSegmenter(segmenter)
    mine, own = timed.segment(TENSORS), segmenter.segment(TENSORS)
    assert np.array_equal(mine.labels, own.labels)
    assert np.array_equal(mine.confidence, own.confidence)
    assert (timed.card, timed.description) == (segmenter.card, segmenter.description)


def test_the_time_of_all_runs_adds_up_and_that_between_them_does_not_count(segmenter):
    timed = TimedSegmenter(segmenter)
    begun = time.perf_counter()
    timed.segment(TENSORS)
    first = timed.seconds
    time.sleep(0.2)
    timed.segment(TENSORS)
    whole = time.perf_counter() - begun
    assert timed.calls == 2
    assert 0.0 < first < timed.seconds <= whole - 0.2


def test_a_run_that_is_refused_does_not_count(segmenter):
    timed = TimedSegmenter(segmenter)
    with pytest.raises(RecordError):
        timed.segment({})
    assert (timed.calls, timed.seconds) == (0, 0.0)
