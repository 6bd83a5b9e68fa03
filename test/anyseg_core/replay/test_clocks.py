"""Gaps and clocks of a recording, told in a sentence each."""

import pytest

from anyseg_core.replay.clocks import RecordingTimes

S = 1_000_000_000
START = 1_700_000_000 * S


def problems(topics, seconds=10.0):
    """Topics by name: a list of record times and stamps, both in seconds after the start."""
    times = RecordingTimes(START, START + round(seconds * S))
    readings = [(log, name, stamp) for name, pairs in topics.items() for log, stamp in pairs]
    for log, name, stamp in sorted(readings):
        times.add(name, START + round(log * S), START + round(stamp * S))
    return times.problems()


def steady(rate_hz=10.0, seconds=10.0, without=(20.0, 20.0), stamp=lambda t: t):
    logs = [index / rate_hz for index in range(int(seconds * rate_hz))]
    return [(t, stamp(t)) for t in logs if not without[0] < t < without[1]]


def test_a_whole_recording_has_none():
    assert problems({"/rgb": steady(), "/lidar": steady(20.0), "/slow": steady(1.0)}) == []


def test_a_gap_of_all_sensors_is_told_once():
    [told] = problems({"/rgb": steady(without=(3, 5)), "/lidar": steady(20.0, without=(3, 5))})
    assert told == "nothing was recorded for 2.0 s, from 3.0 s on"


def test_a_gap_of_one_sensor_names_it():
    [told] = problems({"/rgb": steady(), "/lidar": steady(without=(3, 5))})
    assert told == "nothing came on /lidar for 2.0 s, from 3.0 s on"


def test_a_sensor_that_dies_or_begins_late_has_a_gap_too():
    dies, late = steady(seconds=6.0), [one for one in steady() if one[0] >= 4.0]
    told = problems({"/rgb": steady(), "/dies": dies, "/late": late})
    assert told == [
        "nothing came on /dies for 4.1 s, from 5.9 s on",
        "nothing came on /late for 4.0 s, from 0.0 s on",
    ]


@pytest.mark.parametrize("rate_hz", [0.5, 1.0, 2.0])
def test_slow_sensors_have_no_gaps(rate_hz):
    assert problems({"/rgb": steady(), "/slow": steady(rate_hz)}) == []


def test_a_short_silence_is_none():
    assert problems({"/rgb": steady(), "/lidar": steady(without=(3.0, 3.4))}) == []


@pytest.mark.parametrize(("rate", "words"), [(0.5, "0.50 times"), (2.0, "2.00 times")])
def test_a_recording_of_a_bag_played_at_another_rate_is_told(rate, words):
    [told] = problems({"/rgb": steady(stamp=lambda t: rate * t), "/lidar": steady()})
    assert told == f"the stamps of /rgb run {words} as fast as the recorder's clock"


@pytest.mark.parametrize(("shift", "where"), [(-2.5, "behind"), (2.5, "ahead of")])
def test_a_sensor_on_another_clock_is_told_with_the_difference(shift, where):
    [told] = problems({"/rgb": steady(), "/lidar": steady(stamp=lambda t: t + shift)})
    assert told == f"the stamps of /lidar lie 2.5 s {where} the recorder's clock"


def test_what_transport_delays_is_no_other_clock():
    assert problems({"/rgb": steady(stamp=lambda t: t - 0.1 - 0.05 * (t % 0.3))}) == []


def test_nothing_and_one_reading_alone_are_no_problem_of_the_clock():
    assert problems({}) == []
    assert problems({"/rgb": [(0.0, 0.0)]}, seconds=0.1) == []
