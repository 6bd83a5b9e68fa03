"""The network alone is called as the node would call it."""

import time

import pytest

from anyseg_ros.benchmark.bare_network import BareNetwork
from anyseg_ros.benchmark.driver import LEAST_INSTANTS, Load


class Counting:
    """A segmenter that notes what it was called with and takes its time."""

    description = "counting"

    def __init__(self, seconds):
        self.calls = []
        self._seconds = seconds

    def warm_up(self, width, height):
        self.warmed = (width, height)

    def segment(self, tensors, readings=None):
        assert readings is None  # nothing may be kept from run to run
        self.calls.append(tuple(tensors))
        time.sleep(self._seconds)


def test_a_quick_network_is_called_no_more_often_than_the_load_has_instants():
    segmenter = Counting(0.0)
    BareNetwork(segmenter, 32).time_ms(Load(("rgb", "lidar"), 50.0), 0.2)
    assert segmenter.warmed == (32, 32)
    assert set(segmenter.calls) == {("rgb", "lidar")}
    assert 2 <= len(segmenter.calls) <= 1 + 10  # one before they are timed


def test_a_slow_network_is_called_for_as_long_as_the_load_lasts():
    segmenter = Counting(0.02)
    taken_ms = BareNetwork(segmenter, 32).time_ms(Load(("rgb",), 1000.0), 0.2)
    assert taken_ms >= 20.0
    assert 2 <= len(segmenter.calls) <= 1 + 10


@pytest.mark.parametrize(("seconds", "instants"), [(0.1, LEAST_INSTANTS), (2.0, 20)])
def test_a_short_time_has_a_few_instants_all_the_same(seconds, instants):
    assert Load(("rgb",), 10.0).instants(seconds) == instants
