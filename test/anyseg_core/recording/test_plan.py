from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyseg_core.errors import ConfigurationError
from anyseg_core.recording import FAILURES, SPLITS, DatasetPlan
from anyseg_core.simulation import CONDITIONS, HELD_OUT_CONDITIONS
from anyseg_core.simulation.faults import KINDS

FULL = DatasetPlan(1, {"train": 3200, "val": 300, "test": 600})


def seeds_of(plan, split):
    return {sequence.street_seed for sequence in plan.sequences() if sequence.split == split}


@given(st.integers(0, 10**9), st.integers(0, 10**9))
@settings(max_examples=20, deadline=None)
def test_no_street_is_in_two_splits_even_of_sets_with_different_seeds(one, other):
    plans = [DatasetPlan(seed, dict.fromkeys(SPLITS, 40)) for seed in (one, other)]
    streets = {split: set().union(*(seeds_of(plan, split) for plan in plans)) for split in SPLITS}
    assert not streets["train"] & streets["val"]
    assert not streets["train"] & streets["test"]
    assert not streets["val"] & streets["test"]


def test_every_sequence_has_a_street_and_a_folder_of_its_own():
    sequences = list(FULL.sequences())
    assert len({sequence.street_seed for sequence in sequences}) == len(sequences)
    assert len({sequence.folder for sequence in sequences}) == len(sequences)


@given(st.integers(1, 90), st.integers(0, 90))
@settings(max_examples=30, deadline=None)
def test_more_frames_only_add_to_what_fewer_have(count, more):
    few = list(DatasetPlan(3, {"test": count}).sequences())
    many = list(DatasetPlan(3, {"test": count + more}).sequences())
    assert sum(sequence.frames for sequence in few) == count
    for one, other in zip(few, many, strict=False):
        assert dataclasses.replace(other, frames=one.frames) == one
        assert other.instants_ns()[: one.frames] == one.instants_ns()


def test_the_held_out_condition_is_in_test_alone_and_every_condition_gets_its_share():
    frames = {split: Counter() for split in SPLITS}
    for sequence in FULL.sequences():
        frames[sequence.split][sequence.condition] += sequence.frames
    assert set(frames["train"]) == set(frames["val"]) == set(CONDITIONS)
    assert set(frames["test"]) == set(CONDITIONS + HELD_OUT_CONDITIONS)
    assert set(frames["train"].values()) == {640}
    assert set(frames["test"].values()) == {100}


def test_about_one_in_six_sequences_fails_and_every_failure_meets_every_condition():
    train = [sequence for sequence in FULL.sequences() if sequence.split == "train"]
    pairs = Counter((s.failure, s.condition) for s in train if s.failure)
    assert 0.12 < sum(pairs.values()) / len(train) < 0.2
    assert set(pairs) == {(failure, name) for failure in FAILURES for name in CONDITIONS}
    test = Counter(s.failure for s in FULL.sequences() if s.split == "test" and s.failure)
    assert set(test) == set(FAILURES)


def test_a_failure_case_is_a_part_of_the_folder_s_name_and_a_fault_of_the_library():
    for sequence in FULL.sequences():
        named = [failure for failure in FAILURES if failure in sequence.folder]
        assert named == ([sequence.failure] if sequence.failure else [])
        assert len(sequence.faults) == len(named)
    assert all(sensor in KINDS[kind] for sensor, kind in FAILURES.values())


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"frames": {"train": 0}}, "no frame"),
        ({"frames": {"train": -1}}, "-1"),
        ({"frames": {"other": 4}}, "other"),
        ({"seed": -1}, "seed -1"),
        ({"conditions": ("dusk",)}, "dusk"),
        ({"conditions": ("snow",)}, "snow"),
        ({"width": 4, "conditions": ("sun",)}, "width"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(changes, told):
    fields = {"seed": 0, "frames": {"train": 10}} | changes
    with pytest.raises(ConfigurationError, match=told):
        DatasetPlan(**fields)
