"""A node between the drivers and the perception node that lets sensors fail.

It takes the five inputs under the parameter ``input_prefix`` and passes them on under the names
that the perception node listens to, with the faults of ``active_faults`` and of a schedule.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from rcl_interfaces.msg import IntegerRange, ParameterDescriptor
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from anyseg_core.config import NS_PER_S
from anyseg_core.errors import AnysegError, ConfigurationError
from anyseg_core.simulation.faults import Fault, FaultInjector, parse_fault
from anyseg_core.types import MODALITIES
from anyseg_ros.active_faults import on_active_faults
from anyseg_ros.conversions.images import depth_record, rgb_record
from anyseg_ros.conversions.pointclouds import event_record, lidar_record
from anyseg_ros.conversions.records import record_message
from anyseg_ros.executable import run_node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyseg_core.types import Record

RELEASE_PERIOD_S = 0.01
TOPICS: dict[str, tuple[Any, str]] = {
    "rgb": (Image, "rgb/image"),
    "depth": (Image, "depth/image"),
    "event": (PointCloud2, "events"),
    "lidar": (PointCloud2, "lidar/points"),
}


def load_schedule(path: Path) -> list[Fault]:
    """Read a schedule: a YAML list of ``SENSOR:KIND@START[-END]``, seconds from the node's start.

    Raises:
        ConfigurationError: the file cannot be read, or is no such list.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"schedule {path}: {error}", "a YAML file that can be read", "correct the path or file"
        ) from error
    if not isinstance(content, list) or not all(isinstance(line, str) for line in content):
        raise ConfigurationError(
            f"schedule {path} holds {type(content).__name__}",
            "a list of SENSOR:KIND@START[-END]",
            "write lines like '- rgb:black@3.0-5.5'",
        )
    return [parse_fault(line) for line in content]


class FaultInjectorNode(Node):
    """Passes messages on as they are while no fault of their sensor is in force."""

    def __init__(self) -> None:
        super().__init__("fault_injector")
        prefix = self._text("input_prefix", "drivers", "Namespace of the drivers' topics.")
        schedule = self._text("schedule", "", "YAML file of faults by time; empty for none.")
        self._seed = self._integer("seed", "Chooses everything random in the faults.", 2**31 - 1)
        width = self._integer("event.width", "Columns of the event camera; 0 as the RGB.", 16384)
        height = self._integer("event.height", "Rows of the event camera; 0 as the RGB.", 16384)
        self._event_size = (width, height) if width and height else None
        self._scheduled = load_schedule(Path(schedule)) if schedule else []
        self.declare_parameter(
            "active_faults",
            [""],  # rclpy reads the type off the value, and off an empty list it reads bytes
            ParameterDescriptor(description="Faults now in force, each SENSOR:KIND."),
        )
        self._steady_clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._start_ns = int(self._steady_clock.now().nanoseconds)
        self._named: tuple[Fault, ...] = ()
        self._injector = FaultInjector(self._scheduled, self._seed)
        self._set_faults(self.get_parameter("active_faults").value)
        self.add_on_set_parameters_callback(on_active_faults(self._set_faults))
        self._connect(prefix)
        self.create_timer(RELEASE_PERIOD_S, self._release, clock=self._steady_clock)

    def _text(self, name: str, default: str, description: str) -> str:
        descriptor = ParameterDescriptor(description=description, read_only=True)
        return str(self.declare_parameter(name, default, descriptor).value)

    def _integer(self, name: str, description: str, most: int) -> int:
        descriptor = ParameterDescriptor(
            description=description,
            read_only=True,
            integer_range=[IntegerRange(from_value=0, to_value=most, step=1)],
        )
        return int(self.declare_parameter(name, 0, descriptor).value)

    def _connect(self, prefix: str) -> None:
        qos = qos_profile_sensor_data
        self._outputs: dict[str, Any] = {}
        for sensor, (message_type, topic) in TOPICS.items():
            self._outputs[sensor] = self.create_publisher(message_type, topic, qos)
            take = functools.partial(self._take, sensor)
            self.create_subscription(message_type, f"{prefix}/{topic}", take, qos)
        self._camera_info = self.create_publisher(CameraInfo, "rgb/camera_info", qos)
        self.create_subscription(
            CameraInfo, f"{prefix}/rgb/camera_info", self._camera_info.publish, qos
        )

    def _take(self, sensor: str, message: Any) -> None:
        """Pass a message on; it is only taken apart where a fault needs it to be."""
        t_ns = self._t_ns()
        if sensor == "rgb" and self._event_size is None:
            self._event_size = (message.width, message.height)
        if not any(fault.sensor == sensor for fault in (*self._scheduled, *self._named)):
            self._outputs[sensor].publish(message)
            return
        try:
            self._send(sensor, self._injector.apply(sensor, self._record(sensor, message), t_ns))
        except AnysegError as error:
            self.get_logger().warning(
                f"{sensor}: message left out: {error}", throttle_duration_sec=5.0
            )

    def _record(self, sensor: str, message: Any) -> Record:
        if sensor == "rgb":
            return rgb_record(message)
        if sensor == "depth":
            return depth_record(message)
        if sensor == "lidar":
            return lidar_record(message)
        if self._event_size is None:
            raise ConfigurationError(
                "events before any RGB image told the sensor's size",
                "event.width and event.height, or one RGB image",
                "set the two parameters to the event camera's size",
            )
        return event_record(message, *self._event_size)

    def _send(self, sensor: str, records: Sequence[Record]) -> None:
        for record in records:
            self._outputs[sensor].publish(record_message(record))

    def _release(self) -> None:
        """Send what a delay held back and now is due."""
        for sensor in MODALITIES:
            self._send(sensor, self._injector.release(sensor, self._t_ns()))

    def _set_faults(self, named: Sequence[str]) -> None:
        since_s = self._t_ns() / NS_PER_S
        self._named = tuple(parse_fault(f"{fault}@{since_s:.9f}") for fault in named if fault)
        self._injector = FaultInjector([*self._scheduled, *self._named], self._seed)
        self.get_logger().info(f"faults in force: {', '.join(filter(None, named)) or 'none'}")

    def _t_ns(self) -> int:
        return int(self._steady_clock.now().nanoseconds) - self._start_ns


def main() -> None:
    """Run the injector until it is told to stop."""
    run_node("fault_injector", FaultInjectorNode)


if __name__ == "__main__":
    main()
