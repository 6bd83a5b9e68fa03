"""Inputs that change or come in another form while the node runs, over DDS."""

import array
import struct

import cv2
import numpy as np
import pytest
from nav_msgs.msg import Odometry
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, PointCloud2

from anyseg_core.geometry import Camera
from anyseg_core.types import LidarRecord
from anyseg_ros.conversions.camera_info import camera_info_message
from anyseg_ros.conversions.pointclouds import lidar_message
from anyseg_ros.conversions.stamps import header_of


class Robot:
    """Publishes sensors at 10 Hz: depth compressed, sweeps with the time of each point."""

    def __init__(self, probe, scene):
        self.probe, self.scene = probe, scene
        node = probe.node
        self.depth = node.create_publisher(CompressedImage, "depth/packed", qos_profile_sensor_data)
        self.odom = node.create_publisher(Odometry, "odom", qos_profile_sensor_data)
        self.focal, self.frame = 50.0, "camera_optical"
        self.moves = True

    def publish(self):
        stamp_ns, send = self.probe.now_ns(), self.probe.senders
        if self.moves:
            odometry = Odometry(header=header_of(stamp_ns, "odom"), child_frame_id="base_link")
            odometry.twist.twist.linear.x = 5.0
            self.odom.publish(odometry)
        camera = Camera(64, 48, ((self.focal, 0, 31.5), (0, self.focal, 23.5), (0, 0, 1)))
        send["camera_info"].publish(camera_info_message(camera, stamp_ns, self.frame))
        send["rgb"].publish(self.scene.rgb(stamp_ns))
        self.depth.publish(self.packed_depth(stamp_ns))
        send["lidar"].publish(self.sweep(stamp_ns))

    def packed_depth(self, stamp_ns):
        noise = np.random.default_rng(stamp_ns).integers(0, 9, (48, 64), np.uint16)
        ok, png = cv2.imencode(".png", self.scene.depth_mm + noise)
        assert ok
        return CompressedImage(
            header=header_of(stamp_ns, self.scene.frame),
            format="16UC1; compressedDepth png",
            data=array.array("B", struct.pack("<iff", 0, 0.0, 0.0) + png.tobytes()),
        )

    def sweep(self, stamp_ns):
        points = self.scene.points
        points = points + np.random.default_rng(stamp_ns).normal(0, 0.01, points.shape)
        times = stamp_ns + np.linspace(-100_000_000, 0, len(points)).astype(np.int64)
        return lidar_message(LidarRecord(stamp_ns, "lidar", points.astype(np.float32), times))

    def drive_until(self, condition, what):
        for _ in range(600):
            self.publish()
            self.probe.spin(0.1)
            if found := condition():
                return found
        raise AssertionError(f"no {what}; log: {self.probe.process.output()}")

    def sensor(self, name):
        """The values of a sensor in the latest status; empty before the first."""
        statuses = self.probe.received["status"]
        parts = statuses[-1].status if statuses else []
        return next(
            ({v.key: v.value for v in s.values} for s in parts if s.name.endswith(f": {name}")), {}
        )

    def uses(self, *names):
        return all(self.sensor(name).get("used", "").lower() == "true" for name in names)

    def visible_points(self, since):
        """How many points of the newest cloud the camera sees; None before one came."""
        clouds = self.probe.received["points"][since:]
        if len(clouds) < 3:
            return None
        body = np.frombuffer(clouds[-1].data, np.uint8).reshape(-1, clouds[-1].point_step)
        return int((body[:, 16] != 255).sum())


@pytest.fixture(scope="module")
def process(start_node, probe, calibration_file):
    probe.process = start_node(
        remaps=["depth/image:=depth/packed"],
        calibration_file=calibration_file,
        sensors="[rgb, depth, lidar]",
        input_width=64,
        input_height=64,
        depth__transport="compressedDepth",
        lidar__deskew=True,
        autostart=True,
    )
    probe.wait_for(lambda: probe.connected(("rgb", "lidar", "camera_info")), "subscriptions")
    return probe.process


def test_packed_depth_sweeps_in_motion_and_a_new_camera_all_take_effect(process, probe, scene):
    robot = Robot(probe, scene)
    robot.drive_until(lambda: robot.uses("rgb", "depth", "lidar"), "frame of three sensors")
    robot.moves = False
    reason = robot.drive_until(
        lambda: (
            "odometry" in robot.sensor("lidar").get("reason", "")
            and robot.sensor("lidar")["reason"]
        ),
        "sweep left out without odometry",
    )
    assert "lidar.deskew" in reason
    robot.moves = True
    robot.drive_until(lambda: robot.uses("lidar"), "return of the LiDAR")

    probe.listen("points", PointCloud2)
    wide = robot.drive_until(lambda: robot.visible_points(0), "labelled points")
    robot.focal, robot.frame = 400.0, "other_optical"
    seen = len(probe.received["points"])
    robot.drive_until(
        lambda: probe.received["segmentation"][-1].header.frame_id == "other_optical",
        "mask of the new camera",
    )
    narrow = robot.drive_until(lambda: robot.visible_points(seen + 5), "points of the new camera")
    assert narrow < wide / 3
    assert process.interrupt() == 0
