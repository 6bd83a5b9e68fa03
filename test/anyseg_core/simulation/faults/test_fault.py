from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyseg_core.errors import ConfigurationError
from anyseg_core.simulation import Fault, parse_fault
from anyseg_core.simulation.faults import KINDS
from anyseg_core.types import MODALITIES


def test_a_fault_is_read_from_its_text():
    assert parse_fault("rgb:black@3.0-5.5") == Fault("rgb", "black", 3_000_000_000, 5_500_000_000)
    assert parse_fault(" lidar:dropout@0.1 ") == Fault("lidar", "dropout", 100_000_000, None)


@given(st.integers(0, 10**12), st.integers(1, 10**12))
def test_decimal_seconds_become_nanoseconds_without_rounding(start, length):
    def seconds(t_ns):
        return f"{t_ns // 10**9}.{t_ns % 10**9:09d}"

    fault = parse_fault(f"event:delay@{seconds(start)}-{seconds(start + length)}")
    assert (fault.start_ns, fault.end_ns) == (start, start + length)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rgb",
        "rgb:black",
        "rgb@3",
        "rgb:black@",
        "rgb:black@x",
        "rgb:black@1-2-3",
        "rgb:black@-1",
    ],
)
def test_nonsense_is_refused_with_the_form_and_all_kinds(text):
    with pytest.raises(ConfigurationError) as caught:
        parse_fault(text)
    assert "SENSOR:KIND@START[-END]" in str(caught.value)
    assert all(kind in str(caught.value) for kind in KINDS)


def test_an_unknown_sensor_or_kind_is_refused_with_the_allowed_ones():
    with pytest.raises(ConfigurationError, match="rgb, depth, event, lidar"):
        parse_fault("radar:black@1")
    with pytest.raises(ConfigurationError) as caught:
        parse_fault("lidar:motion_blur@1")
    assert "lost_rings" in str(caught.value)
    assert "hot_pixels" not in str(caught.value)


def test_times_and_severities_that_make_no_sense_are_refused():
    with pytest.raises(ConfigurationError, match="start < end"):
        parse_fault("rgb:black@5-5")
    with pytest.raises(ConfigurationError, match="start < end"):
        Fault("rgb", "black", -1)
    for severity in (0.0, 1.5, float("nan")):
        with pytest.raises(ConfigurationError, match="severity"):
            Fault("rgb", "black", 0, severity=severity)


def test_a_fault_is_active_from_its_start_up_to_but_not_at_its_end():
    fault = Fault("rgb", "black", 10, 20)
    assert [fault.active(t) for t in (9, 10, 19, 20)] == [False, True, True, False]
    assert Fault("rgb", "black", 10).active(10**18)


def test_every_kind_befalls_known_sensors_only():
    assert all(sensors and set(sensors) <= set(MODALITIES) for sensors in KINDS.values())
