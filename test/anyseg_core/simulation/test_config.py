from __future__ import annotations

import dataclasses

import pytest

from anyseg_core.errors import ConfigurationError
from anyseg_core.simulation import CONDITIONS, HELD_OUT_CONDITIONS, RigConfig
from anyseg_core.simulation.conditions import CONDITION_LIGHT


def test_every_condition_has_its_light():
    assert set(CONDITIONS + HELD_OUT_CONDITIONS) == set(CONDITION_LIGHT)


def test_a_held_out_condition_is_none_of_deliver_s():
    assert not set(CONDITIONS) & set(HELD_OUT_CONDITIONS)


def test_lamps_light_the_street_at_night_and_dusk_alone():
    dark = {name for name, light in CONDITION_LIGHT.items() if light.dark}
    assert dark == {"night", "dusk"}
    assert CONDITIONS == ("cloud", "fog", "night", "rain", "sun")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("condition", "snow"),
        ("width", 8),
        ("height", 5000),
        ("seed", -1),
        ("lidar_beams", 0),
        ("lidar_columns", 4),
        ("max_range_m", 0.0),
        ("max_range_m", float("nan")),
        ("event_threshold", 0.0),
        ("event_step_ns", 0),
        ("horizontal_fov_rad", 3.2),
    ],
)
def test_a_bad_value_is_refused_with_its_name_and_what_would_be_right(name, value):
    with pytest.raises(ConfigurationError) as caught:
        RigConfig(**{name: value})
    assert name in str(caught.value)
    assert str(value) in str(caught.value)
    assert "wanted" in str(caught.value)


def test_a_configuration_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RigConfig().seed = 3  # type: ignore[misc]  # the assignment is what is tested
