"""The fault injector over DDS: it passes messages on; sensors fail on demand and on time."""

import pytest
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_srvs.srv import SetBool, Trigger

from anyseg_core.errors import ConfigurationError
from anyseg_core.messages import rgb_record
from anyseg_core.types import RgbRecord
from anyseg_ros.fault_injector_node import load_schedule
from anyseg_ros.faulty_messages import compressed_message

TOPICS = {
    "rgb": ("rgb/image", Image),
    "depth": ("depth/image", Image),
    "event": ("events", PointCloud2),
    "lidar": ("lidar/points", PointCloud2),
    "camera_info": ("rgb/camera_info", CameraInfo),
}


@pytest.fixture(scope="module")
def injector(start_node, probe, tmp_path_factory):
    schedule = tmp_path_factory.mktemp("schedule") / "faults.yaml"
    schedule.write_text("- depth:dropout@0\n- event:black@100000\n")
    process = start_node("anyseg_ros.fault_injector_node", schedule=schedule)
    probe.drivers = {}
    for name, (topic, kind) in TOPICS.items():
        probe.subscribe(topic, name, kind, qos_profile_sensor_data)
        probe.drivers[name] = probe.node.create_publisher(
            kind, f"drivers/{topic}", qos_profile_sensor_data
        )
    probe.wait_for(
        lambda: all(p.get_subscription_count() for p in probe.drivers.values()), "subscriptions"
    )
    probe.wait_for(
        lambda: all(probe.node.count_publishers(t) > 1 for t, _ in TOPICS.values()), "publishers"
    )
    yield probe
    assert process.interrupt() == 0
    assert "Traceback" not in process.output()


def play(probe, scene, condition, what):
    for _ in range(150):
        stamp_ns = probe.now_ns()
        for name, publisher in probe.drivers.items():
            publisher.publish(getattr(scene, name)(stamp_ns))
        probe.spin(0.1)
        if condition():
            return
    raise AssertionError(f"no {what}")


def set_faults(probe, *faults):
    parameter = Parameter("active_faults", value=list(faults) or [""]).to_parameter_msg()
    probe.target, before = "/fault_injector", probe.target
    request = SetParameters.Request(parameters=[parameter])
    result = probe.call(SetParameters, "set_parameters", request).results[0]
    probe.target = before
    return result


def test_messages_pass_and_the_schedule_is_kept(injector, scene):
    names = ("rgb", "event", "lidar", "camera_info")
    received = injector.received
    play(injector, scene, lambda: all(len(received[n]) > 2 for n in names), "every topic")
    assert received["rgb"][-1] == scene.rgb(stamp_of(received["rgb"][-1]))
    assert received["lidar"][-1] == scene.lidar(stamp_of(received["lidar"][-1]))
    assert not received["depth"]


def stamp_of(message):
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


def test_a_fault_takes_hold_and_lets_go(injector, scene):
    received = injector.received

    def last_is_black():
        return received["rgb"] and not rgb_record(received["rgb"][-1]).image.any()

    assert set_faults(injector, "rgb:black", "lidar:truncated_payload").successful
    play(injector, scene, last_is_black, "black picture")
    play(injector, scene, lambda: received["lidar"][-1].width < 50, "short sweep")
    assert set_faults(injector).successful
    play(injector, scene, lambda: not last_is_black(), "picture")
    play(injector, scene, lambda: received["lidar"][-1].width == 400, "whole sweep")


def test_an_unknown_fault_is_refused_with_those_that_there_are(injector):
    result = set_faults(injector, "rgb:grumpy")
    assert not result.successful
    assert "dropout" in result.reason


def call(probe, service_type, name, **request):
    probe.target, before = "/fault_injector", probe.target
    answer = probe.call(service_type, name, service_type.Request(**request))
    probe.target = before
    return answer


def test_services_silence_a_sensor_and_restart_the_schedule(injector, scene):
    received = injector.received
    assert "rgb:dropout" in call(injector, SetBool, "drop/rgb", data=True).message
    injector.spin(0.3)
    received["rgb"].clear()
    lidar = len(received["lidar"])
    play(injector, scene, lambda: len(received["lidar"]) > lidar + 3, "sweeps meanwhile")
    assert not received["rgb"]
    assert call(injector, SetBool, "drop/rgb", data=False).message.endswith("none")
    play(injector, scene, lambda: received["rgb"], "picture again")
    answer = call(injector, Trigger, "restart_schedule")
    assert answer.success
    assert answer.message.startswith("2 ")
    assert not received["depth"]


def test_compressed_pictures_pass_and_fail_compressed(start_node, probe, scene):
    process = start_node(
        "anyseg_ros.fault_injector_node",
        remaps=("__node:=compressed_injector", "rgb/image:=small/image"),
        rgb__transport="compressed",
        input_prefix="small_drivers",
        active_faults="['rgb:over_exposure']",
    )
    sender = probe.node.create_publisher(
        CompressedImage, "small_drivers/rgb/image", qos_profile_sensor_data
    )
    probe.subscribe("small/image", "small", CompressedImage, qos_profile_sensor_data)
    came = compressed_message(
        RgbRecord(probe.now_ns(), "camera", scene.image_at(3)), "rgb8; jpeg compressed bgr8"
    )

    def arrived():
        sender.publish(came)
        return probe.received["small"]

    picture = probe.wait_for(arrived, "compressed picture")[-1]
    assert picture.format == came.format
    assert rgb_record(picture).image.mean() > rgb_record(came).image.mean() + 20
    assert process.interrupt() == 0


def test_a_form_that_there_is_not_ends_the_node_with_the_choices(start_node):
    process = start_node("anyseg_ros.fault_injector_node", event__type="smoke")
    assert process.process.wait(60) == 2
    assert "event_packet" in process.output()


@pytest.mark.parametrize("content", ["rgb: black", "- 3", "- rgb:black", "[", "- rgb:grumpy@1"])
def test_a_schedule_that_is_none_is_refused(tmp_path, content):
    path = tmp_path / "faults.yaml"
    path.write_text(content)
    with pytest.raises(ConfigurationError):
        load_schedule(path)


def test_a_schedule_that_is_not_there_ends_the_node(start_node):
    process = start_node("anyseg_ros.fault_injector_node", schedule="/nowhere/faults.yaml")
    assert process.process.wait(30) == 2
    assert "/nowhere/faults.yaml" in process.output()
