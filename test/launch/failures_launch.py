"""Sensors fail under the launch file: masks go on, the status says why, and all recover.

A test for ROS machines, by ``launch_test failures_launch.py``; pytest runs it as one of its own.
"""

import os
import time
import unittest

import launch_testing
import launch_testing.actions
import launch_testing.asserts
import numpy as np
import rclpy
from ament_index_python.packages import get_package_share_directory
from diagnostic_msgs.msg import DiagnosticArray
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription, SetLaunchConfiguration
from launch.launch_description_sources import PythonLaunchDescriptionSource
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool

PATIENCE_S = 240.0
SENSORS = ("rgb", "depth", "event", "lidar")
CLASSES, UNLABELLED = 25, 255
KEPT = 50


def generate_test_description():
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
    share = get_package_share_directory("anyseg_ros")
    source = PythonLaunchDescriptionSource(f"{share}/launch/perception.launch.py")
    perception = IncludeLaunchDescription(source, launch_arguments=[("simulate", "true")])
    # a busy machine needs more than the 5 s that launch grants to end after SIGINT
    patience = SetLaunchConfiguration("sigterm_timeout", "60")
    return LaunchDescription([patience, perception, launch_testing.actions.ReadyToTest()])


class TestFailures(unittest.TestCase):
    """One run of the launch file; every test leaves the rig whole."""

    @classmethod
    def setUpClass(cls):
        rclpy.init()
        cls.node = rclpy.create_node("observer")
        cls.executor = SingleThreadedExecutor()
        cls.executor.add_node(cls.node)
        cls.masks, cls.confidences, cls.statuses = {}, {}, {}
        for message_type, name, kept in (
            (Image, "segmentation", cls.masks),
            (Image, "confidence", cls.confidences),
            (DiagnosticArray, "status", cls.statuses),
        ):
            cls.node.create_subscription(message_type, f"/anyseg/{name}", keeper(kept), KEPT)

    @classmethod
    def tearDownClass(cls):
        cls.executor.shutdown()
        cls.node.destroy_node()
        rclpy.try_shutdown()

    def setUp(self):
        self.set_faults()

    def test_a_dead_lidar_is_left_out_and_comes_back(self):
        assert_labelled(self.frame_with(lambda used, _: {"rgb", "lidar"} <= used)[0])
        self.set_faults("lidar:dropout")
        labels, reasons = self.frame_with(
            lambda used, reasons: "rgb" in used and reasons["lidar"] == "stale"
        )
        assert not reasons["rgb"]
        assert_labelled(labels)
        self.set_faults()
        assert_labelled(self.frame_with(lambda used, _: {"rgb", "lidar"} <= used)[0])

    def test_a_black_camera_is_left_out_for_that_reason_and_comes_back(self):
        assert_labelled(self.frame_with(lambda used, _: "rgb" in used)[0])
        self.set_faults("rgb:black")
        labels, _ = self.frame_with(
            lambda used, reasons: used and "rgb" not in used and "black" in reasons["rgb"]
        )
        assert_labelled(labels)
        self.set_faults()
        assert_labelled(self.frame_with(lambda used, _: "rgb" in used)[0])

    def test_without_any_sensor_every_pixel_is_unlabelled(self):
        for sensor in SENSORS:
            self.call(SetBool, f"/anyseg/exclude/{sensor}", SetBool.Request(data=True))
        labels, _ = self.frame_with(
            lambda used, reasons: not used and reasons["rgb"] == "excluded by hand"
        )
        assert (labels == UNLABELLED).all()
        assert (self.confidence == 0).all()
        for sensor in SENSORS:
            self.call(SetBool, f"/anyseg/exclude/{sensor}", SetBool.Request(data=False))
        assert_labelled(self.frame_with(lambda used, _: used)[0])

    def set_faults(self, *faults):
        value = ParameterValue(
            type=ParameterType.PARAMETER_STRING_ARRAY, string_array_value=list(faults)
        )
        request = SetParameters.Request(parameters=[Parameter(name="active_faults", value=value)])
        answer = self.call(SetParameters, "/simulated_rig/set_parameters", request)
        assert answer.results[0].successful, answer.results[0].reason

    def frame_with(self, condition):
        """Return mask and reasons by sensor of the first frame from now on that is like that."""
        self.statuses.clear()

        def found():
            for stamp, status in list(self.statuses.items()):
                if stamp not in self.masks or stamp not in self.confidences:
                    continue
                frame, *sensors = (values(entry) for entry in status.status)
                names = [entry.name.rsplit(": ", 1)[-1] for entry in status.status[1:]]
                reasons = {
                    name: detail["reason"] for name, detail in zip(names, sensors, strict=True)
                }
                if condition(set(filter(None, frame["used"].split(","))), reasons):
                    self.confidence = picture(self.confidences[stamp])
                    return picture(self.masks[stamp]), reasons
            return None

        return self.wait_for(found, "such a frame")

    def call(self, service_type, name, request):
        client = self.node.create_client(service_type, name)
        self.wait_for(client.service_is_ready, f"service {name}")
        future = client.call_async(request)
        self.wait_for(future.done, f"answer of {name}")
        self.node.destroy_client(client)
        return future.result()

    def wait_for(self, condition, what):
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            self.executor.spin_once(timeout_sec=0.05)
        raise AssertionError(f"no {what} within {PATIENCE_S} s")


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):
    def test_both_nodes_ended_cleanly(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)


def keeper(kept):
    """Return a callback that keeps the newest messages by their stamp."""

    def keep(message):
        kept[message.header.stamp.sec, message.header.stamp.nanosec] = message
        while len(kept) > KEPT:
            del kept[next(iter(kept))]

    return keep


def values(status):
    return {pair.key: pair.value for pair in status.values}


def picture(message):
    assert message.encoding == "mono8"
    return np.frombuffer(bytes(message.data), np.uint8).reshape(message.height, message.step)


def assert_labelled(labels):
    """The network's own words: every pixel one of its classes."""
    assert labels.shape == (256, 256)
    assert labels.max() < CLASSES
