import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyseg_core.events.clock import SensorClock

HOST_NS = 1_700_000_000_000_000_000
PACKET_NS = 10_000_000


def packet(start_ns):
    return np.array([start_ns, start_ns + 4_000_000], np.int64)


def test_the_first_packet_anchors_the_two_clocks():
    t_ns = SensorClock().to_host(packet(14_000_000_000), HOST_NS)
    assert t_ns.tolist() == [HOST_NS, HOST_NS + 4_000_000]


@given(st.lists(st.integers(-2_000_000, 2_000_000), min_size=50, max_size=50))
def test_jitter_of_the_stamps_hardly_moves_the_events(jitters):
    clock = SensorClock()
    clock.to_host(packet(0), HOST_NS)
    for number, jitter_ns in enumerate(jitters, start=1):
        at_ns = number * PACKET_NS
        t_ns = clock.to_host(packet(at_ns), HOST_NS + at_ns + jitter_ns)
        assert abs(t_ns[0] - HOST_NS - at_ns) < 1_200_000


def test_drift_is_followed():
    clock = SensorClock()
    error_ns = None
    for number in range(3000):
        sensor_ns = number * PACKET_NS
        host_ns = HOST_NS + sensor_ns + number * 1_000  # 100 ppm
        error_ns = clock.to_host(packet(sensor_ns), host_ns)[0] - host_ns
    assert abs(error_ns) < 100_000


@pytest.mark.parametrize("jump_ns", [-5_000_000_000, 5_000_000_000])
def test_a_clock_that_starts_anew_is_anchored_anew(jump_ns):
    clock = SensorClock()
    clock.to_host(packet(10_000_000_000), HOST_NS)
    t_ns = clock.to_host(packet(10_000_000_000 + jump_ns), HOST_NS + PACKET_NS)
    assert t_ns[0] == HOST_NS + PACKET_NS
