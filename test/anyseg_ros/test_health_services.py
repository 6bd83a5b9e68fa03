"""What a user can change of a running node: actions of detectors, and sensors left out by hand."""

import numpy as np
import pytest
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool


@pytest.fixture(scope="module")
def active(start_node, probe):
    process = start_node(input_width=64, input_height=64, autostart=True)
    probe.wait_for(probe.connected, "subscriptions of the node")
    probe.process = process
    yield probe
    assert process.interrupt() == 0
    assert "Traceback" not in process.output()


def values(status):
    return {entry.key: entry.value for entry in status.values}


def sensor_status(probe, sensor):
    status = probe.received["status"][-1].status
    return values(next(s for s in status if s.name == f"anyseg: {sensor}"))


def rgb_status(probe):
    return sensor_status(probe, "rgb")


def stream(probe, scene, condition, what):
    probe.received["status"].clear()
    for _ in range(300):
        stamp_ns = probe.now_ns()
        for name in ("rgb", "depth", "camera_info"):
            probe.senders[name].publish(getattr(scene, name)(stamp_ns))
        probe.spin(0.1)
        if probe.received["status"] and condition(rgb_status(probe)):
            return
    raise AssertionError(f"no {what}")


def set_parameter(probe, name, value):
    request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
    return probe.call(SetParameters, "set_parameters", request).results[0]


def exclude(probe, sensor, data):
    return probe.call(SetBool, f"exclude/{sensor}", SetBool.Request(data=data))


def test_a_sensor_is_left_out_by_hand_and_admitted_again(active, scene):
    stream(active, scene, lambda rgb: rgb["used"] == "true", "frame with RGB")
    assert exclude(active, "rgb", data=True).success
    stream(active, scene, lambda rgb: rgb["reason"] == "excluded by hand", "frame without RGB")
    assert rgb_status(active)["used"] == "false"
    assert exclude(active, "rgb", data=False).success
    stream(active, scene, lambda rgb: rgb["used"] == "true", "return of RGB")


def test_an_action_takes_effect_at_once(active, scene):
    scene.image = np.zeros_like(scene.image)
    stream(active, scene, lambda rgb: "black" in rgb["reason"], "frame without the black RGB")
    assert set_parameter(active, "health.rgb.rgb_black", "warn").successful
    stream(active, scene, lambda rgb: rgb["used"] == "true", "black RGB in use")
    assert rgb_status(active)["state"] == "degraded"
    assert set_parameter(active, "health.rgb.rgb_black", "exclude").successful
    stream(active, scene, lambda rgb: rgb["used"] == "false", "frame without the black RGB")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("health.rgb.rgb_black", "panic", ("health.rgb.rgb_black", "panic", "ignore, warn")),
        ("sensors", ["sonar"], ("sonar", "rgb, depth")),
        ("event.type", "smoke", ("event.type", "smoke", "event_packet")),
        ("health.low_rate_ratio", -1.0, ("low_rate_ratio",)),
    ],
)
def test_a_bad_value_is_refused_with_the_reason(active, name, value, words):
    result = set_parameter(active, name, value)
    assert not result.successful
    assert all(word in result.reason for word in words)


def test_what_waits_for_the_next_configure_says_so(active):
    assert set_parameter(active, "backend", "auto").successful
    said = "backend: takes effect on the next configure"
    active.wait_for(lambda: said in active.process.output(), "word in the log")


def test_other_parameters_take_effect_while_the_node_is_active(active, scene):
    scene.image = np.random.default_rng(0).integers(0, 255, scene.image.shape, np.uint8)
    assert exclude(active, "depth", data=True).success
    assert set_parameter(active, "reference_order", ["lidar", "rgb"]).successful
    assert set_parameter(active, "sensors", ["rgb", "depth"]).successful
    stream(
        active,
        scene,
        lambda rgb: (
            rgb["used"] == "true" and sensor_status(active, "depth")["reason"] == "excluded by hand"
        ),
        "frame of RGB without depth",
    )
    names = {status.name for status in active.received["status"][-1].status}
    assert {"anyseg: rgb", "anyseg: depth"} <= names
    assert not {"anyseg: event", "anyseg: lidar"} & names
    assert set_parameter(active, "sensors", ["rgb", "depth", "event", "lidar"]).successful
    assert exclude(active, "depth", data=False).success


def test_a_change_that_cannot_be_served_leaves_all_as_it_was(active, scene):
    assert set_parameter(active, "event.type", "event_packet").successful
    said = "goes on with the parameters of before"
    active.wait_for(lambda: said in active.process.output(), "word in the log")
    stream(active, scene, lambda rgb: rgb["used"] == "true", "frame with RGB")
    assert set_parameter(active, "event.type", "point_cloud").successful
