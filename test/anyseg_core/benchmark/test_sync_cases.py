"""The cases of the synchroniser's cost: their traffic, and what is run."""

import pytest

from anyseg_core.benchmark.measure import measure
from anyseg_core.benchmark.sync import PERIODS_NS, SLOP_NS, adversarial, sync_cases, traffic


def test_every_subset_is_a_case_and_each_run_is_held_against_the_short_queue():
    cases = list(sync_cases(0.05))
    assert len({case.name for case in cases}) == len(cases) == 18
    for case in cases:
        rows = measure(case, 1)
        assert rows[0].peer == "ours, queue 10 instead of 100"
        assert "0.025 M/s" in rows[0].wanted
        assert case.items >= 40


def test_the_work_gives_a_set_for_each_message_of_the_reference():
    cases = {case.name.split(", ")[1]: case for case in sync_cases(0.3)}
    messages = traffic(("rgb", "lidar"), 300)
    asked = sum(message.name == "rgb" for message in messages)
    assert asked - 4 <= cases["RL alive"].work() <= asked


def test_traffic_is_in_the_order_of_arrival_at_the_sensors_rates():
    messages = traffic(tuple(PERIODS_NS), 1000)
    arrivals = [message.arrival_ns for message in messages]
    assert arrivals == sorted(arrivals)
    span_s = (arrivals[-1] - arrivals[0]) / 1e9
    counts = {name: sum(m.name == name for m in messages) / span_s for name in PERIODS_NS}
    assert counts["event"] == pytest.approx(100, rel=0.05)
    assert counts["rgb"] == pytest.approx(30, rel=0.05)


def test_adversarial_stamps_match_in_pairs_and_never_all_at_once():
    messages = adversarial(40)
    stamps = {name: [m.stamp_ns for m in messages if m.name == name] for name in PERIODS_NS}
    for name in ("depth", "event"):
        assert all(abs(a - b) < SLOP_NS for a, b in zip(stamps["rgb"], stamps[name], strict=True))
    assert min(stamps["depth"]) - max(stamps["event"]) > SLOP_NS
