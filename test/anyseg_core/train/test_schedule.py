import pytest

from anyseg_core.train.recipe_parts import ScheduleRecipe
from anyseg_core.train.schedule import Schedule


def test_warm_up_and_fall_are_those_of_cmnext():
    schedule = Schedule.of(ScheduleRecipe(epochs=200, warmup=10), 498.0)
    assert (schedule.updates, schedule.warmup, schedule.hold) == (99_600, 4_980, 0)
    assert schedule.factor(0) == pytest.approx(0.1)
    assert schedule.factor(2_490) == pytest.approx(0.55)
    assert schedule.factor(4_980) == pytest.approx(1.0)
    middle = (99_600 + 4_980) // 2
    assert schedule.factor(middle) == pytest.approx(0.5**0.9)
    assert 0.0 < schedule.factor(99_599) < 1e-3


def test_the_constant_part_lies_between_warm_up_and_fall():
    schedule = Schedule.of(ScheduleRecipe(steps=100, warmup=10, hold=50, power=1.0), 7.0)
    assert [schedule.factor(k) for k in (10, 30, 59, 60)] == [1.0] * 4
    assert schedule.factor(80) == pytest.approx(0.5)
    assert schedule.factor(99) == pytest.approx(1 / 40)


def test_a_longer_run_has_the_same_start():
    short, long = (
        Schedule.of(ScheduleRecipe(steps=n, warmup=10, hold=60), 1.0) for n in (100, 200)
    )
    assert [short.factor(k) for k in range(71)] == [long.factor(k) for k in range(71)]


def test_epochs_need_not_be_whole_numbers_of_updates():
    assert Schedule.of(ScheduleRecipe(epochs=3), 2.5).updates == 8
    assert Schedule.of(ScheduleRecipe(epochs=2, warmup=2), 0.25).updates == 1
