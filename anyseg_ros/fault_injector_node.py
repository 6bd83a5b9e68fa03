"""A node between the drivers and the perception node that lets sensors fail.

It takes the five inputs under the parameter ``input_prefix`` and passes them on under the names
that the perception node listens to, with the faults of ``active_faults``, of a schedule and of the
services. Messages go out in the type in which they came.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import IntegerRange, ParameterDescriptor
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_srvs.srv import SetBool, Trigger

from anyseg_core.data.document import read_yaml
from anyseg_core.errors import AnysegError, ConfigurationError
from anyseg_core.messages import RecordConverter, record_converters, rgb_record
from anyseg_core.simulation.faults import Fault, FaultInjector, parse_fault
from anyseg_core.types import MODALITIES, NS_PER_S, EventRecord
from anyseg_ros.active_faults import on_active_faults
from anyseg_ros.conversions.event_messages import event_message_class
from anyseg_ros.executable import run_node
from anyseg_ros.faulty_messages import faulty_message, packet_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyseg_core.types import Record

RELEASE_PERIOD_S = 0.01
TOPICS = {"rgb": "rgb/image", "depth": "depth/image", "event": "events", "lidar": "lidar/points"}
EVENT_TYPES = {
    "point_cloud": "sensor_msgs/msg/PointCloud2",
    "event_packet": "event_camera_msgs/msg/EventPacket",
    "image": "sensor_msgs/msg/Image",
}
"""By value of ``event.type``, the messages that faults can be put into."""


def load_schedule(path: Path) -> list[Fault]:
    """Read a schedule: a YAML list of ``SENSOR:KIND@START[-END]``, seconds from the node's start.

    Raises:
        ConfigurationError: the file cannot be read, or is no such list.
    """
    content = read_yaml(path, "a schedule of faults in YAML")
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
        transport = self._choice("rgb.transport", ("raw", "compressed"), "Form of rgb/image.")
        event_type = self._choice("event.type", tuple(EVENT_TYPES), "What comes on events.")
        self._scheduled = load_schedule(Path(schedule)) if schedule else []
        self.declare_parameter(
            "active_faults",
            [""],  # rclpy reads the type off the value, and off an empty list it reads bytes
            ParameterDescriptor(description="Faults now in force, each SENSOR:KIND."),
        )
        self._steady_clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._start_ns = int(self._steady_clock.now().nanoseconds)
        self._named: tuple[Fault, ...] = ()
        self._dropped: dict[str, Fault] = {}
        self._last: dict[str, Any] = {}
        self._injector = FaultInjector(self._scheduled, self._seed)
        self._set_faults(self.get_parameter("active_faults").value)
        self.add_on_set_parameters_callback(on_active_faults(self._set_faults))
        self._connect(prefix, transport == "compressed", event_type)
        self._serve()
        self.create_timer(RELEASE_PERIOD_S, self._release, clock=self._steady_clock)

    def _text(self, name: str, default: str, description: str) -> str:
        descriptor = ParameterDescriptor(description=description, read_only=True)
        return str(self.declare_parameter(name, default, descriptor).value)

    def _choice(self, name: str, allowed: tuple[str, ...], description: str) -> str:
        value = self._text(name, allowed[0], f"{description} One of {', '.join(allowed)}.")
        if value not in allowed:
            raise ConfigurationError(
                f"{name} = {value!r}", f"one of {', '.join(allowed)}", f"correct {name}"
            )
        return value

    def _integer(self, name: str, description: str, most: int) -> int:
        descriptor = ParameterDescriptor(
            description=description,
            read_only=True,
            integer_range=[IntegerRange(from_value=0, to_value=most, step=1)],
        )
        return int(self.declare_parameter(name, 0, descriptor).value)

    def _connect(self, prefix: str, compressed: bool, event_type: str) -> None:  # noqa: FBT001 - private
        qos = qos_profile_sensor_data
        image = "CompressedImage" if compressed else "Image"
        kinds: dict[str, tuple[Any, str]] = {
            "rgb": (CompressedImage if compressed else Image, f"sensor_msgs/msg/{image}"),
            "depth": (Image, "sensor_msgs/msg/Image"),
            "event": (event_message_class(event_type), EVENT_TYPES[event_type]),
            "lidar": (PointCloud2, "sensor_msgs/msg/PointCloud2"),
        }
        self._outputs: dict[str, Any] = {}
        self._converters: dict[str, RecordConverter] = {}
        for sensor, (message_type, type_name) in kinds.items():
            self._converters[sensor] = record_converters[type_name, sensor](
                lambda: self._event_size
            )
            self._outputs[sensor] = self.create_publisher(message_type, TOPICS[sensor], qos)
            take = functools.partial(self._take, sensor)
            self.create_subscription(message_type, f"{prefix}/{TOPICS[sensor]}", take, qos)
        self._are_packets = event_type == "event_packet"
        self._camera_info = self.create_publisher(CameraInfo, "rgb/camera_info", qos)
        self.create_subscription(
            CameraInfo, f"{prefix}/rgb/camera_info", self._camera_info.publish, qos
        )

    def _serve(self) -> None:
        for sensor in MODALITIES:
            drop = functools.partial(self._drop, sensor)
            self.create_service(SetBool, f"~/drop/{sensor}", drop)
        self.create_service(Trigger, "~/restart_schedule", self._restart_schedule)

    def _drop(
        self, sensor: str, request: SetBool.Request, response: SetBool.Response
    ) -> SetBool.Response:
        """Let a sensor fall silent, or speak again: the service ``~/drop/<sensor>``."""
        if request.data:
            self._dropped[sensor] = Fault(sensor, "dropout", self._t_ns())
        else:
            self._dropped.pop(sensor, None)
        self._renew()
        response.success, response.message = True, f"faults in force: {self._in_force()}"
        return response

    def _restart_schedule(
        self, _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        """Count the schedule's seconds from now: the service ``~/restart_schedule``."""
        self._start_ns = int(self._steady_clock.now().nanoseconds)
        self._named = tuple(replace(fault, start_ns=0) for fault in self._named)
        self._dropped = {name: replace(one, start_ns=0) for name, one in self._dropped.items()}
        self._renew()
        response.success = bool(self._scheduled)
        response.message = f"{len(self._scheduled)} scheduled faults, counted from now"
        return response

    def _take(self, sensor: str, message: Any) -> None:
        """Pass a message on; it is only taken apart where a fault needs it to be."""
        t_ns = self._t_ns()
        try:
            if sensor == "rgb" and self._event_size is None:
                self._event_size = _size_of(message)
            if not any(fault.sensor == sensor for fault in self._faults()):
                self._outputs[sensor].publish(message)
                return
            record = self._converters[sensor](message)
            if self._are_packets and isinstance(record, EventRecord):
                record = packet_record(message, record)
            self._last[sensor] = message
            self._send(sensor, self._injector.apply(sensor, record, t_ns), t_ns)
        except AnysegError as error:
            self.get_logger().warning(
                f"{sensor}: message left out: {error}", throttle_duration_sec=5.0
            )

    def _send(self, sensor: str, records: Sequence[Record], t_ns: int) -> None:
        if not records:
            return
        faults = [(one.kind, one.severity) for one in self._injector.active(sensor, t_ns)]
        for record in records:
            self._outputs[sensor].publish(faulty_message(record, self._last[sensor], faults))

    def _release(self) -> None:
        """Send what a delay held back and now is due."""
        for sensor in MODALITIES:
            t_ns = self._t_ns()
            self._send(sensor, self._injector.release(sensor, t_ns), t_ns)

    def _set_faults(self, named: Sequence[str]) -> None:
        since_s = self._t_ns() / NS_PER_S
        self._named = tuple(parse_fault(f"{fault}@{since_s:.9f}") for fault in named if fault)
        self._renew()

    def _renew(self) -> None:
        self._injector = FaultInjector(self._faults(), self._seed)
        self.get_logger().info(f"faults in force: {self._in_force()}")

    def _faults(self) -> list[Fault]:
        return [*self._scheduled, *self._named, *self._dropped.values()]

    def _in_force(self) -> str:
        faults = (*self._named, *self._dropped.values())
        return ", ".join(f"{one.sensor}:{one.kind}" for one in faults) or "none"

    def _t_ns(self) -> int:
        return int(self._steady_clock.now().nanoseconds) - self._start_ns


def _size_of(message: Image | CompressedImage) -> tuple[int, int] | None:
    """Return columns and rows of an image; None where it cannot be read."""
    if isinstance(message, Image):
        return message.width, message.height
    try:
        height, width = rgb_record(message).image.shape[:2]
    except AnysegError:
        return None
    return width, height


def main() -> None:
    """Run the injector until it is told to stop."""
    run_node("fault_injector", FaultInjectorNode)


if __name__ == "__main__":
    main()
