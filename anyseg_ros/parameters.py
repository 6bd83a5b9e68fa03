"""The node's parameters: declared with description and range, and read into a configuration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

from anyseg_core.config import PipelineConfig, default_sensors, seconds_to_ns
from anyseg_core.errors import ConfigurationError
from anyseg_core.health import DETECTORS, Action, SensorHealthConfig, Thresholds
from anyseg_core.types import EVENT_REPRESENTATIONS, MODALITIES, NS_PER_S
from anyseg_ros.conversions.event_messages import EVENT_MESSAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rclpy.node import Node

EXPOSED_THRESHOLDS = (
    "rgb_black_mean",
    "rgb_blurred_ratio",
    "rgb_blocked_share",
    "depth_invalid_share",
    "event_storm_rate_hz",
    "lidar_point_ratio",
    "lidar_jitter_deg",
    "low_rate_ratio",
    "high_jitter_share",
)
"""Of the thresholds those that depend on the robot more than on the sensor."""

TRANSPORTS: dict[str, tuple[str, ...]] = {
    "rgb.transport": ("raw", "compressed"),
    "depth.transport": ("raw", "compressed", "compressedDepth"),
}
"""By parameter, the names of image_transport that it may have."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One parameter: its default, what it means, and the range it is held to."""

    default: Any
    description: str
    low: float | None = None
    high: float | None = None

    def descriptor(self) -> ParameterDescriptor:
        """Return the descriptor that makes rclpy check the range."""
        descriptor = ParameterDescriptor(description=self.description)
        if self.low is None or self.high is None:
            return descriptor
        if isinstance(self.default, float):
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=float(self.low), to_value=float(self.high))
            ]
        else:
            descriptor.integer_range = [
                IntegerRange(from_value=int(self.low), to_value=int(self.high), step=1)
            ]
        return descriptor


def _specs() -> dict[str, Spec]:
    config = PipelineConfig()
    specs = {
        "checkpoint": Spec("", "Path of the checkpoint; empty for the package's own network."),
        "backend": Spec(
            "auto",
            "Runtime of the network: auto, torch, torch_compiled, onnxruntime, "
            "onnxruntime_tensorrt, openvino or tensorrt.",
        ),
        "device": Spec("auto", "Device of the network: auto, cpu, cuda or cuda:N."),
        "calibration_file": Spec(
            "", "Cameras and transforms; empty to use CameraInfo and TF alone."
        ),
        "sensors": Spec(list(MODALITIES), "Sensors to subscribe to: rgb, depth, event, lidar."),
        "reference_order": Spec(
            list(config.reference_order), "Whose stamp a mask carries: the first live one."
        ),
        "max_wait_s": Spec(
            config.max_wait_ns / NS_PER_S, "Longest wait for late sensors, in seconds.", 0.0, 10.0
        ),
        "max_stamp_age_s": Spec(
            config.max_stamp_age_ns / NS_PER_S,
            "Messages stamped longer ago than this are left out, in seconds.",
            0.1,
            3600.0,
        ),
        "max_stamp_lead_s": Spec(
            config.max_stamp_lead_ns / NS_PER_S,
            "Messages stamped further in the future than this are left out, in seconds.",
            0.0,
            3600.0,
        ),
        "input_width": Spec(config.input_width, "Columns that the network sees.", 32, 4096),
        "input_height": Spec(config.input_height, "Rows that the network sees.", 32, 4096),
        "camera_frame": Spec("", "Frame of the masks; empty for the CameraInfo's frame."),
        "rgb.transport": Spec(
            "raw", "raw for sensor_msgs/Image, compressed for CompressedImage on rgb/image."
        ),
        "depth.transport": Spec(
            "raw",
            "raw for sensor_msgs/Image, compressed (PNG of 16 bits) or compressedDepth for "
            "CompressedImage on depth/image.",
        ),
        "rgb.rectified": Spec(
            default=False,
            description="Whether rgb/image is rectified: then P of CameraInfo holds, not K and D.",
        ),
        "event.type": Spec("point_cloud", f"What comes on events: {', '.join(EVENT_MESSAGES)}."),
        "event.representation": Spec(
            config.event_representation,
            "What the network's event channels hold, as it was trained: "
            f"{', '.join(EVENT_REPRESENTATIONS)}.",
        ),
        "event.width": Spec(
            0, "Columns of the event camera; 0 as calibrated, else the RGB's.", 0, 16384
        ),
        "event.height": Spec(
            0, "Rows of the event camera; 0 as calibrated, else the RGB's.", 0, 16384
        ),
        "lidar.min_range_m": Spec(
            config.min_range_m, "Points nearer than this are dropped, in metres.", 0.0, 100.0
        ),
        "lidar.deskew": Spec(
            default=config.deskew,
            description="Move points to the frame's instant, by their times and odom.",
        ),
        "autostart": Spec(
            default=False, description="Configure and activate without a lifecycle manager."
        ),
    }
    for name, sensor in default_sensors().items():
        specs[f"{name}.tolerance_s"] = Spec(
            sensor.tolerance_ns / NS_PER_S,
            f"Farthest that {name} may lie from the reference's stamp, in seconds.",
            0.0,
            10.0,
        )
        specs[f"{name}.timeout_s"] = Spec(
            sensor.timeout_ns / NS_PER_S,
            f"Silence after which {name} counts as dead, in seconds.",
            0.01,
            60.0,
        )
        specs[f"{name}.offset_s"] = Spec(
            0.0, f"Added to the stamps of {name}: a known delay of its clock.", -10.0, 10.0
        )
    specs["event.window_s"] = Spec(
        default_sensors()["event"].window_ns / NS_PER_S,
        "Length of the window of events that makes one image, in seconds.",
        0.001,
        1.0,
    )
    for name in ("depth", "event"):
        specs[f"{name}.aligned"] = Spec(
            default=False, description=f"Whether {name} is already in the RGB camera's image plane."
        )
    return specs


def _health_specs() -> dict[str, Spec]:
    specs = {}
    for name in EXPOSED_THRESHOLDS:
        default = getattr(Thresholds(), name)
        specs[f"health.{name}"] = Spec(
            default, f"Threshold {name.replace('_', ' ')} of the health detectors.", 0, 1_000_000
        )
    for sensor in MODALITIES:
        for detector in SensorHealthConfig(sensor).detectors:
            specs[f"health.{sensor}.{detector}"] = Spec(
                str(DETECTORS[detector].action),
                "What follows from this finding: ignore, warn or exclude.",
            )
    return specs


def read_actions(value: Mapping[str, Any]) -> dict[str, dict[str, Action]]:
    """Read the actions by sensor and detector from parameter values by name.

    Raises:
        ConfigurationError: a value is no action.
    """
    actions: dict[str, dict[str, Action]] = {}
    for sensor in MODALITIES:
        actions[sensor] = {}
        for detector in SensorHealthConfig(sensor).detectors:
            name = f"health.{sensor}.{detector}"
            _one_of(name, value[name], tuple(Action))
            actions[sensor][detector] = Action(value[name])
    return actions


LOADED_ON_CONFIGURE = frozenset(
    {
        "autostart",
        "backend",
        "calibration_file",
        "checkpoint",
        "device",
        "input_height",
        "input_width",
    }
)
"""Parameters whose change waits for the next configure; an active node heeds all others at once."""

SPECS: dict[str, Spec] = _specs() | _health_specs()
"""Every parameter of the node, by name."""


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """The node's parameters, checked as a whole."""

    pipeline: PipelineConfig
    checkpoint: str
    backend: str
    device: str
    calibration_file: Path | None
    camera_frame: str
    rgb_transport: str
    depth_transport: str
    rectified: bool
    event_type: str
    event_size: tuple[int, int] | None

    def with_loaded(self, loaded: NodeConfig) -> NodeConfig:
        """Return this configuration with all that is loaded at configure as it was then."""
        pipeline = replace(
            self.pipeline,
            input_width=loaded.pipeline.input_width,
            input_height=loaded.pipeline.input_height,
        )
        return replace(
            self,
            pipeline=pipeline,
            checkpoint=loaded.checkpoint,
            backend=loaded.backend,
            device=loaded.device,
            calibration_file=loaded.calibration_file,
        )

    def differs_in_actions_alone(self, other: NodeConfig) -> bool:
        """Return whether the two are equal but for what follows from findings of health."""
        pipeline = replace(self.pipeline, actions=other.pipeline.actions)
        return replace(self, pipeline=pipeline) == other


def declare_parameters(node: Node) -> None:
    """Declare every parameter; rclpy refuses values out of range, naming value and range."""
    for name, spec in SPECS.items():
        node.declare_parameter(name, spec.default, spec.descriptor())


def read_parameters(node: Node, changes: Mapping[str, Any] | None = None) -> NodeConfig:
    """Read the parameters into a configuration.

    Args:
        node: the node that declared them.
        changes: values by name that are to take the place of the node's.

    Raises:
        ConfigurationError: values that do not go together, or name nothing known.
    """
    value = {name: node.get_parameter(name).value for name in SPECS} | dict(changes or {})
    for name, allowed in TRANSPORTS.items():
        _one_of(name, value[name], allowed)
    _one_of("event.type", value["event.type"], tuple(EVENT_MESSAGES))
    _one_of("event.representation", value["event.representation"], EVENT_REPRESENTATIONS)
    event_size = (value["event.width"], value["event.height"])
    if (event_size[0] == 0) != (event_size[1] == 0):
        raise ConfigurationError(
            f"event.width = {event_size[0]} and event.height = {event_size[1]}",
            "both 0, or the event camera's size",
            "set both parameters",
        )
    calibration = value["calibration_file"]
    return NodeConfig(
        pipeline=_pipeline_config(value),
        checkpoint=value["checkpoint"],
        backend=value["backend"],
        device=value["device"],
        calibration_file=Path(calibration) if calibration else None,
        camera_frame=value["camera_frame"],
        rgb_transport=value["rgb.transport"],
        depth_transport=value["depth.transport"],
        rectified=value["rgb.rectified"],
        event_type=value["event.type"],
        event_size=event_size if all(event_size) else None,
    )


def _pipeline_config(value: dict[str, Any]) -> PipelineConfig:
    for name in ("sensors", "reference_order"):
        for sensor in value[name]:
            _one_of(name, sensor, MODALITIES)
    sensors = {}
    for name, default in default_sensors().items():
        if name in value["sensors"]:
            sensors[name] = replace(
                default,
                tolerance_ns=seconds_to_ns(value[f"{name}.tolerance_s"]),
                timeout_ns=seconds_to_ns(value[f"{name}.timeout_s"]),
                offset_ns=seconds_to_ns(value[f"{name}.offset_s"]),
                window_ns=seconds_to_ns(value.get(f"{name}.window_s", 0.0)),
                aligned=value.get(f"{name}.aligned", False),
            )
    return PipelineConfig(
        sensors=sensors,
        reference_order=tuple(value["reference_order"]),
        max_wait_ns=seconds_to_ns(value["max_wait_s"]),
        max_stamp_age_ns=seconds_to_ns(value["max_stamp_age_s"]),
        max_stamp_lead_ns=seconds_to_ns(value["max_stamp_lead_s"]),
        input_width=value["input_width"],
        input_height=value["input_height"],
        min_range_m=value["lidar.min_range_m"],
        deskew=value["lidar.deskew"],
        event_representation=value["event.representation"],
        thresholds=Thresholds(**{name: value[f"health.{name}"] for name in EXPOSED_THRESHOLDS}),
        actions=read_actions(value),
    )


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigurationError(
            f"{name} = {value!r}", f"one of {', '.join(allowed)}", f"correct the parameter {name}"
        )
