"""Scenarios from a file, and those that come with the package."""

from pathlib import Path

import pytest

from anyseg_core.errors import ConfigurationError
from anyseg_core.replay import scenario_cases
from anyseg_core.types import MODALITIES

SHIPPED = Path(__file__).parents[3] / "config" / "scenarios.yaml"


def test_three_scenarios_come_with_the_package_and_end_before_ten_seconds():
    cases = scenario_cases(SHIPPED, MODALITIES)
    assert len(cases) == 3
    faults = [fault for case in cases for fault in case.faults]
    assert all(fault.start_ns >= 2e9 for fault in faults)
    assert all(fault.end_ns is not None and fault.end_ns <= 8e9 for fault in faults)


def test_a_sensor_fails_once_in_a_shipped_scenario_so_that_its_delay_can_be_told():
    for case in scenario_cases(SHIPPED, MODALITIES):
        sensors = [fault.sensor for fault in case.faults]
        assert len(set(sensors)) == len(sensors)


def test_a_scenario_has_its_name_and_all_its_faults(tmp_path):
    path = tmp_path / "scenarios.yaml"
    path.write_text("mud: ['lidar:lost_sector@1-2', 'rgb:black@1.5']\nnight: ['rgb:black@0']\n")
    mud, night = scenario_cases(path, ("rgb", "lidar"))
    assert (mud.name, night.name) == ("mud", "night")
    assert [(one.sensor, one.kind, one.start_ns) for one in mud.faults] == [
        ("lidar", "lost_sector", 1_000_000_000), ("rgb", "black", 1_500_000_000),
    ]  # fmt: skip
    assert mud.sensors == ("rgb", "lidar")


@pytest.mark.parametrize(
    "content",
    [
        "", "[", "- rgb:black@1", "night: rgb:black@1", "night: []", "night: [3]",
        "night: ['rgb:grumpy@1']", "night: ['depth:black@1']", "../night: ['rgb:black@1']",
        "nominal: ['rgb:black@1']", "3: ['rgb:black@1']", "!!python/object:os.system {}",
        "night: " + "x" * 1_000_001,
    ],
    ids=range(13),
)  # fmt: skip
def test_a_file_that_holds_none_is_refused_in_one_sentence(tmp_path, content):
    path = tmp_path / "scenarios.yaml"
    path.write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        scenario_cases(path, ("rgb", "lidar"))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.yaml"):
        scenario_cases(tmp_path / "none.yaml", MODALITIES)
