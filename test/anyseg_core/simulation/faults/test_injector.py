from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from anyseg_core.errors import RecordError
from anyseg_core.simulation import Fault, FaultInjector
from anyseg_core.types import MODALITIES

MS = 1_000_000
SECOND = 1_000 * MS


def stream(record, count=40, period_ns=100 * MS):
    """Return readings with stamps 0, period, ...; the first value of each image is its number."""
    out = []
    for index in range(count):
        image = record.image.copy()
        image[0, 0, 0] = index
        out.append(dataclasses.replace(record, stamp_ns=index * period_ns, image=image))
    return out


def run(faults, records, seed=0):
    injector = FaultInjector(faults, seed)
    return [injector.apply("rgb", record, record.stamp_ns) for record in records]


def numbers(released):
    return [[int(record.image[0, 0, 0]) for record in at_once] for at_once in released]


@pytest.mark.parametrize("sensor", MODALITIES)
def test_without_a_fault_the_very_same_reading_comes_out(clean, sensor):
    others = [Fault(other, "dropout", 0) for other in MODALITIES if other != sensor]
    later = Fault(sensor, "dropout", 5 * SECOND)
    (got,) = FaultInjector([*others, later]).apply(sensor, clean[sensor], 4 * SECOND)
    assert got is clean[sensor]


@pytest.mark.parametrize("sensor", MODALITIES)
def test_dropout_withholds_readings_while_it_lasts_and_no_longer(clean, sensor):
    injector = FaultInjector([Fault(sensor, "dropout", 1 * SECOND, 2 * SECOND)])
    counts = [len(injector.apply(sensor, clean[sensor], t * 500 * MS)) for t in range(6)]
    assert counts == [1, 1, 0, 0, 1, 1]


def test_freeze_repeats_the_last_good_image_under_new_stamps(clean):
    records = stream(clean["rgb"], 12)
    released = run([Fault("rgb", "freeze", 500 * MS, 900 * MS)], records)
    assert numbers(released) == [[n] for n in (0, 1, 2, 3, 4, 4, 4, 4, 4, 9, 10, 11)]
    assert [out[0].stamp_ns for out in released] == [record.stamp_ns for record in records]


def test_a_freeze_from_the_start_repeats_the_first_image(clean):
    assert numbers(run([Fault("rgb", "freeze", 0)], stream(clean["rgb"], 3))) == [[0], [0], [0]]


def test_frozen_events_repeat_at_the_new_time(clean):
    injector = FaultInjector([Fault("event", "freeze", SECOND)])
    first = clean["event"]
    injector.apply("event", first, 0)
    second = dataclasses.replace(first, stamp_ns=first.stamp_ns + 3 * SECOND)
    (got,) = injector.apply("event", second, SECOND)
    np.testing.assert_array_equal(got.events.t_ns, first.events.t_ns + 3 * SECOND)
    np.testing.assert_array_equal(got.events.x, first.events.x)


def test_delay_hands_readings_out_late_and_in_order_with_their_own_stamps(clean):
    records = stream(clean["rgb"], 20)
    released = run([Fault("rgb", "delay", 500 * MS, 800 * MS, severity=0.3)], records)
    wanted = [[0], [1], [2], [3], [4], [], [], [], [5], [6], [7, 8, 9, 10]]
    assert numbers(released)[:8] == wanted[:8]
    flat = [number for at_once in numbers(released) for number in at_once]
    assert flat == list(range(20))
    assert numbers(released)[8] == [5]
    assert [r.stamp_ns for at_once in released for r in at_once] == [r.stamp_ns for r in records]


def test_delayed_readings_can_be_had_when_no_new_one_comes(clean):
    injector = FaultInjector([Fault("rgb", "delay", 0)])
    assert injector.apply("rgb", clean["rgb"], 0) == ()
    assert injector.release("rgb", SECOND - 1) == ()
    assert injector.release("rgb", SECOND) == (clean["rgb"],)
    assert injector.release("rgb", 9 * SECOND) == ()
    assert injector.release("lidar", 9 * SECOND) == ()


@pytest.mark.parametrize(("severity", "one_of"), [(1.0, 10), (0.25, 4)])
def test_rate_drop_lets_every_nth_reading_through(clean, severity, one_of):
    released = run([Fault("rgb", "rate_drop", 0, severity=severity)], stream(clean["rgb"], 40))
    kept = [number for at_once in numbers(released) for number in at_once]
    assert kept == list(range(0, 40, one_of))


def test_a_stamp_jump_moves_stamps_and_event_times_alike(clean):
    injector = FaultInjector([Fault("event", "stamp_jump", 0), Fault("rgb", "stamp_jump", 0)])
    (event,) = injector.apply("event", clean["event"], 0)
    (rgb,) = injector.apply("rgb", clean["rgb"], 0)
    assert rgb.stamp_ns == clean["rgb"].stamp_ns + 5 * SECOND
    assert rgb.image is clean["rgb"].image
    assert event.stamp_ns == event.events.t_ns[0]
    np.testing.assert_array_equal(event.events.t_ns, clean["event"].events.t_ns + 5 * SECOND)


def test_the_times_of_points_follow_their_stamps_and_their_points(clean):
    times = np.arange(len(clean["lidar"].points)) * 10
    sweep = dataclasses.replace(clean["lidar"], point_t_ns=clean["lidar"].stamp_ns + times)
    jumped, cut = (
        FaultInjector([Fault("lidar", kind, 0)]).apply("lidar", sweep, 0)[0]
        for kind in ("stamp_jump", "truncated_payload")
    )
    assert np.array_equal(jumped.point_t_ns - jumped.stamp_ns, times)
    assert jumped.stamp_ns != sweep.stamp_ns
    assert 0 < len(cut.points) == len(cut.point_t_ns) < len(times)
    assert np.array_equal(cut.point_t_ns, sweep.point_t_ns[: len(cut.points)])


def test_several_faults_of_one_sensor_add_up(clean):
    faults = [Fault("rgb", "black", 0), Fault("rgb", "stamp_jump", 0), Fault("rgb", "delay", 0)]
    injector = FaultInjector(faults)
    assert injector.apply("rgb", clean["rgb"], 0) == ()
    (got,) = injector.release("rgb", SECOND)
    assert not got.image.any()
    assert got.stamp_ns == clean["rgb"].stamp_ns + 5 * SECOND


def test_two_injectors_with_the_same_seed_agree_and_another_seed_differs(clean):
    faults = [Fault("rgb", "noise", 0), Fault("rgb", "rate_drop", SECOND)]
    records = stream(clean["rgb"], 30)

    def joined(seed):
        return [r.image for at_once in run(faults, records, seed) for r in at_once]

    first, second, other = joined(1), joined(1), joined(2)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_the_active_faults_are_told(clean):
    fault = Fault("rgb", "black", SECOND)
    injector = FaultInjector([fault])
    assert injector.active("rgb", 0) == ()
    assert injector.active("rgb", SECOND) == (fault,)
    assert injector.active("depth", SECOND) == ()
    assert injector.apply("rgb", clean["rgb"], 0) == (clean["rgb"],)


def test_a_reading_of_another_sensor_is_refused(clean):
    injector = FaultInjector([])
    with pytest.raises(RecordError, match="LidarRecord"):
        injector.apply("rgb", clean["lidar"], 0)
    with pytest.raises(RecordError, match="radar"):
        injector.apply("radar", clean["lidar"], 0)


def test_packet_loss_loses_about_sixty_percent_one_by_one_and_the_same_for_the_same_seed(clean):
    records = stream(clean["rgb"], 200)
    fault = Fault("rgb", "packet_loss", 0)
    counts = [len(out) for out in run([fault], records)]
    assert 60 <= sum(counts) <= 100
    assert counts == [len(out) for out in run([fault], records)]
    assert counts != [len(out) for out in run([fault], records, seed=1)]
