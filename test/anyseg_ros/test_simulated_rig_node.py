"""The simulated rig over DDS: what it publishes is what it simulates, and faults take hold."""

import numpy as np
import pytest
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from anyseg_core.geometry import load_calibration
from anyseg_core.messages import (
    camera_from_info,
    depth_record,
    event_record,
    lidar_record,
    rgb_record,
    stamp_to_ns,
)
from anyseg_core.simulation import RigConfig, SimulatedRig
from anyseg_ros.resources import config_file

pytest.importorskip("open3d", reason="the simulated rig needs open3d-cpu and libusb-1.0-0")

SIZE = 64
TOPICS = {
    "rgb": ("/rgb/image", Image),
    "depth": ("/depth/image", Image),
    "event": ("/events", PointCloud2),
    "lidar": ("/lidar/points", PointCloud2),
    "camera_info": ("/rgb/camera_info", CameraInfo),
    "labels": ("/simulated_rig/labels", Image),
}


@pytest.fixture(scope="module")
def rig(start_node, probe):
    for name, (topic, message_type) in TOPICS.items():
        probe.subscribe(topic, name, message_type, qos_profile_sensor_data)
    process = start_node("anyseg_ros.simulated_rig_node", width=SIZE, height=SIZE, loop_s=0.5)
    probe.wait_for(lambda: all(len(probe.received[name]) > 5 for name in TOPICS), "every topic")
    yield probe
    assert process.interrupt() == 0
    assert "Traceback" not in process.output()


def set_faults(probe, *faults):
    parameter = Parameter("active_faults", value=list(faults) or [""]).to_parameter_msg()
    probe.target, before = "/simulated_rig", probe.target
    request = SetParameters.Request(parameters=[parameter])
    result = probe.call(SetParameters, "set_parameters", request).results[0]
    probe.target = before
    return result


def test_every_sensor_sends_readings_that_belong_together(rig):
    images = {stamp_to_ns(m.header.stamp): m for m in rig.received["rgb"]}
    depths = {stamp_to_ns(m.header.stamp): m for m in rig.received["depth"]}
    truths = {stamp_to_ns(m.header.stamp): m for m in rig.received["labels"]}
    shared = sorted(set(images) & set(depths) & set(truths))
    assert len(shared) > 3
    stamp_ns = shared[-1]
    assert rgb_record(images[stamp_ns]).image.shape == (SIZE, SIZE, 3)
    depth_m = depth_record(depths[stamp_ns]).depth / 1000
    labels = np.frombuffer(truths[stamp_ns].data, np.uint8).reshape(SIZE, SIZE)
    sky = labels == 12
    assert sky.any()
    assert not depth_m[sky].any()
    assert 1 < np.median(depth_m[depth_m > 0]) < 60
    camera = camera_from_info(rig.received["camera_info"][-1])
    assert (camera.width, camera.height) == (SIZE, SIZE)


def test_stamps_are_the_present_and_rise(rig):
    for name in ("rgb", "depth", "lidar", "event"):
        stamps = [stamp_to_ns(m.header.stamp) for m in rig.received[name]]
        assert stamps == sorted(set(stamps)), name
        assert abs(rig.now_ns() - stamps[-1]) < 5e9, name


def test_events_lie_within_their_packet_and_sweeps_have_returns(rig):
    record = event_record(rig.received["event"][-1], SIZE, SIZE)
    t_ns = record.events.t_ns
    assert (np.diff(t_ns) >= 0).all()
    assert ((t_ns >= record.stamp_ns) & (t_ns <= record.stamp_ns + 20_000_000)).all()
    points = lidar_record(rig.received["lidar"][-1]).points
    assert np.isfinite(points[:, :3]).all(axis=1).sum() > 1000


def test_a_fault_takes_hold_and_lets_go(rig):
    def last_is_black():
        return not rgb_record(rig.received["rgb"][-1]).image.any()

    assert set_faults(rig, "rgb:black", "lidar:dropout").successful
    rig.wait_for(last_is_black, "black picture", 20)
    before = len(rig.received["lidar"])
    rig.spin(0.5)
    assert len(rig.received["lidar"]) <= before + 1
    assert set_faults(rig).successful
    rig.wait_for(lambda: not last_is_black(), "picture", 20)
    rig.wait_for(lambda: len(rig.received["lidar"]) > before + 2, "sweeps", 20)


def test_an_unknown_fault_is_refused_with_those_that_there_are(rig):
    result = set_faults(rig, "rgb:grumpy")
    assert not result.successful
    assert "dropout" in result.reason


def test_the_calibration_file_of_the_package_is_the_rigs_own():
    rig = SimulatedRig(RigConfig())
    calibration = load_calibration(config_file("simulated_calibration.yaml"))
    camera = calibration.camera("rgb")
    assert (camera.width, camera.height) == (rig.width, rig.height)
    assert np.allclose(camera.matrix, rig.camera_matrix, atol=1e-6)
    assert np.allclose(calibration.transform("rgb", "lidar"), rig.camera_from_lidar, atol=1e-6)
