"""A simulated rig as a ROS node: a street, ray-cast, as RGB, depth, events and LiDAR.

Its sensors fail on demand: ``ros2 param set /simulated_rig active_faults "['lidar:dropout']"``.
"""

from __future__ import annotations

import json
import queue
import threading
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
)
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import String

from anyseg_core.geometry import Camera
from anyseg_core.simulation import FaultInjector, RigConfig, SimulatedRig, mounting, parse_fault
from anyseg_core.types import NS_PER_S, Record, RgbRecord
from anyseg_ros.active_faults import on_active_faults
from anyseg_ros.conversions.camera_info import camera_info_message
from anyseg_ros.conversions.images import image_message
from anyseg_ros.conversions.records import record_message
from anyseg_ros.executable import run_node
from anyseg_ros.outputs import LATCHED
from anyseg_ros.simulated_clip import Tick, drive, repeat, shift_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anyseg_core.recording.drive import Reading


PUBLISH_PERIOD_S = 0.005
TICKS_AHEAD = 2
RENDERS_PER_TICK = 2


class SimulatedRigNode(Node):
    """Renders ahead in a thread and publishes each reading when its time has come.

    A machine too slow for the rate gets a slower world: its clock is held back, never the stamps.
    """

    def __init__(self) -> None:
        super().__init__("simulated_rig")
        self._rig = SimulatedRig(self._declare())
        config = self._rig.config
        self._camera = Camera(config.width, config.height, self._rig.camera_matrix)
        self._ticks: queue.Queue[Tick] = queue.Queue(TICKS_AHEAD)
        self._tick: Tick | None = None
        self._position = 0
        self._t_ns = 0
        self._start_ns = 0
        self._closing = threading.Event()
        self._advertise()
        self._set_faults(self.get_parameter("active_faults").value)
        self.add_on_set_parameters_callback(on_active_faults(self._set_faults))
        self._renderer = threading.Thread(target=self._render, name="rig-renderer", daemon=True)
        self._renderer.start()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(PUBLISH_PERIOD_S, self._publish_due, clock=steady)

    def close(self) -> None:
        """End the rendering thread."""
        self._closing.set()
        self._renderer.join()

    def _declare(self) -> RigConfig:
        default = RigConfig()
        self._period_ns = round(
            NS_PER_S / self._number("rate_hz", 10.0, "Rate of RGB, depth and LiDAR.", 0.5, 60.0)
        )
        self._packet_ns = round(
            NS_PER_S / self._number("event_rate_hz", 50.0, "Rate of event packets.", 1.0, 1000.0)
        )
        self._loop_s = self._number(
            "loop_s",
            3.0,
            "Length of the drive that is rendered before the start and then repeated; 0 renders "
            "on and on, as fast as the machine can.",
            0.0,
            600.0,
        )
        self.declare_parameter(
            "active_faults",
            [""],  # rclpy reads the type off the value, and off an empty list it reads bytes
            ParameterDescriptor(description="Faults now in force, each SENSOR:KIND."),
        )
        self.declare_parameter(
            "condition", default.condition, ParameterDescriptor(description="Weather and light.")
        )
        return RigConfig(
            seed=self._number("seed", default.seed, "Chooses street and traffic.", 0, 2**31),
            width=self._number("width", default.width, "Columns of the images.", 16, 4096),
            height=self._number("height", default.height, "Rows of the images.", 16, 4096),
            condition=self.get_parameter("condition").value,
            event_step_ns=self._period_ns // RENDERS_PER_TICK,
        )

    def _number(self, name: str, default: Any, description: str, low: Any, high: Any) -> Any:
        descriptor = ParameterDescriptor(description=description, read_only=True)
        if isinstance(default, float):
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
        else:
            descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=1)]
        return self.declare_parameter(name, default, descriptor).value

    def _advertise(self) -> None:
        qos = qos_profile_sensor_data
        self._camera_info = self.create_publisher(CameraInfo, "rgb/camera_info", qos)
        self._outputs = {
            "rgb": self.create_publisher(Image, "rgb/image", qos),
            "depth": self.create_publisher(Image, "depth/image", qos),
            "event": self.create_publisher(PointCloud2, "events", qos),
            "lidar": self.create_publisher(PointCloud2, "lidar/points", qos),
        }
        self._labels = self.create_publisher(Image, "~/labels", qos)
        self._fault_log = self.create_publisher(String, "~/active_faults", LATCHED)

    def _render(self) -> None:
        """Fill the queue; runs in the rendering thread."""
        for tick in self._drive():
            while not self._closing.is_set():
                try:
                    self._ticks.put(tick, timeout=0.1)
                    break
                except queue.Full:
                    continue
            if self._closing.is_set():
                return

    def _drive(self) -> Iterator[Tick]:
        ticks = drive(self._rig, self._period_ns, self._packet_ns)
        count = round(self._loop_s * NS_PER_S / self._period_ns)
        if not count:
            return ticks
        self.get_logger().info(f"rendering {count} frames ahead")
        clip: list[Tick] = []
        for tick in islice(ticks, count):
            if self._closing.is_set():
                return iter(())
            clip.append(tick)
        self.get_logger().info("rendered; publishing")
        return repeat(clip, self._period_ns)

    def _publish_due(self) -> None:
        now_ns = int(self.get_clock().now().nanoseconds)
        tick = self._tick or self._next_tick(now_ns)
        if tick is None:
            return
        while self._position < len(tick.readings):
            reading = tick.readings[self._position]
            if now_ns < self._start_ns + reading.out_ns:
                return
            self._give_out(reading)
            self._position += 1
        self._tick = None

    def _give_out(self, reading: Reading) -> None:
        """Publish a reading, or what the faults in force make of it."""
        if isinstance(reading.record, np.ndarray):
            stamp_ns = self._start_ns + reading.out_ns
            self._labels.publish(
                image_message(reading.record, "mono8", stamp_ns, mounting.CAMERA_FRAME)
            )
            return
        self._t_ns = reading.out_ns
        for out in self._injector.apply(reading.sensor, reading.record, reading.out_ns):
            self._send(reading.sensor, shift_record(out, self._start_ns))

    def _next_tick(self, now_ns: int) -> Tick | None:
        try:
            tick = self._ticks.get_nowait()
        except queue.Empty:
            return None
        self._tick, self._position = tick, 0
        # too slow, or the first of all: the drive's clock is set back rather than hurried
        if now_ns > self._start_ns + tick.t_ns:
            self._start_ns = now_ns - tick.t_ns + self._period_ns
        return tick

    def _send(self, sensor: str, record: Record) -> None:
        if isinstance(record, RgbRecord):
            self._camera_info.publish(
                camera_info_message(self._camera, record.stamp_ns, record.frame_id)
            )
        self._outputs[sensor].publish(record_message(record))

    def _set_faults(self, named: Sequence[str]) -> None:
        faults = [fault for fault in named if fault]
        since_s = self._t_ns / NS_PER_S
        parsed = [parse_fault(f"{fault}@{since_s:.9f}") for fault in faults]
        self._injector = FaultInjector(parsed, self._rig.config.seed)
        now_ns = int(self.get_clock().now().nanoseconds)
        self._fault_log.publish(String(data=json.dumps({"since_ns": now_ns, "faults": faults})))


def main() -> None:
    """Run the rig until it is told to stop."""
    run_node("simulated_rig", SimulatedRigNode, close=SimulatedRigNode.close)


if __name__ == "__main__":
    main()
