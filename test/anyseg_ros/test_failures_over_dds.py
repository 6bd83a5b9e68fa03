"""Each failure of a sensor, over DDS: what is left makes the mask, it is told, and it ends.

The masks are held against the pipeline's own answer, in this process, to the readings of the
sensors that were left: what a broken sensor sends must not show in them by a single pixel.
"""

import array
from collections import deque
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from anyseg_core.config import PipelineConfig
from anyseg_core.geometry import load_calibration
from anyseg_core.messages import depth_record, event_record, lidar_record, rgb_record, stamp_to_ns
from anyseg_core.pipeline import Pipeline
from anyseg_core.projection.projector import CalibrationExtrinsics
from anyseg_core.runtime import load_segmenter
from anyseg_core.types import DepthRecord
from anyseg_ros.conversions.images import image_message, image_record_message

SENSORS = ("rgb", "depth", "event", "lidar")
SIZE = (64, 48)
PERIOD_S = 0.1
KEPT = 60
CONVERT = {
    "rgb": rgb_record,
    "depth": depth_record,
    "event": lambda message: event_record(message, *SIZE),
    "lidar": lidar_record,
}


def silent(_scene, _stamp_ns):
    return None


def black_picture(scene, stamp_ns):
    noise = np.random.default_rng(stamp_ns).integers(0, 3, scene.image.shape, np.uint8)
    return image_message(noise, "rgb8", stamp_ns, scene.frame)


def frozen_picture(scene, stamp_ns):
    return image_message(scene.image, "rgb8", stamp_ns, scene.frame)


def unknown_encoding(scene, stamp_ns):
    message = scene.rgb(stamp_ns)
    message.encoding = "klingon8"
    return message


def zero_depth(scene, stamp_ns):
    depth = np.zeros((scene.height, scene.width), np.uint16)
    return image_record_message(DepthRecord(stamp_ns, scene.frame, depth, 0.001))


def truncated_depth(scene, stamp_ns):
    message = scene.depth(stamp_ns)
    message.data = message.data[: len(message.data) // 2]
    return message


def empty_sweep(scene, stamp_ns):
    message = scene.lidar(stamp_ns)
    message.width, message.row_step, message.data = 0, 0, array.array("B")
    return message


def nan_sweep(scene, stamp_ns):
    message = scene.lidar(stamp_ns)
    nothing = np.full(message.width * message.point_step // 4, np.nan, np.float32)
    message.data = array.array("B", nothing.tobytes())
    return message


def old_sweep(scene, stamp_ns):
    """A LiDAR whose clock lies two seconds back: near enough to be let in, too far to be used."""
    return scene.lidar(stamp_ns - 2_000_000_000)


def event_burst(scene, stamp_ns):
    return scene.event(stamp_ns, count=20_000)


@dataclass
class Failure:
    """What a sensor sends instead, why the status says it is out, what the diagnostics say.

    ``told`` is empty where the status alone knows: each sensor by itself is well.
    """

    sensor: str
    send: object
    reason: str
    told: str


FAILURES = (
    Failure("depth", silent, "stale", "nothing came for"),
    Failure("rgb", black_picture, "black", "black"),
    Failure("rgb", frozen_picture, "the same content", "the same content"),
    Failure("rgb", unknown_encoding, "stale", "klingon8"),
    Failure("depth", zero_depth, "100% of the depth is invalid", "remedy"),
    Failure("depth", truncated_depth, "stale", "bytes"),
    Failure("lidar", empty_sweep, "stale", "without points"),
    Failure("lidar", nan_sweep, "stale", "all NaN"),
    Failure("lidar", old_sweep, "out_of_tolerance", ""),
    Failure("event", event_burst, "events per pixel and second", "event_storm"),
)


def values(status):
    return {entry.key: entry.value for entry in status.values}


class Robot:
    """Publishes all sensors at 10 Hz, one of them perhaps broken, and keeps what the sound sent."""

    def __init__(self, probe, scene):
        self.probe, self.scene = probe, scene
        self.sent = deque(maxlen=KEPT * len(SENSORS))

    def publish(self, failure):
        stamp_ns, send = self.probe.now_ns(), self.probe.senders
        for name in SENSORS:
            if failure is not None and failure.sensor == name:
                message = failure.send(self.scene, stamp_ns)
            else:
                message = getattr(self.scene, name)(stamp_ns)
                self.sent.append((name, stamp_ns, message))
            if message is not None:
                send[name].publish(message)

    def drive_until(self, condition, what, failure=None):
        self.probe.received["status"].clear()
        for _ in range(400):
            self.publish(failure)
            self.probe.spin(PERIOD_S)
            if found := condition():
                return found
        raise AssertionError(f"no {what}; log: {self.probe.process.output()}")

    def frame_of(self, *names):
        """The latest status, if its mask came from these sensors."""
        statuses = self.probe.received["status"]
        used = values(statuses[-1].status[0])["used"].split(",") if statuses else None
        return statuses[-1] if used == list(names) else None

    def told(self, sensor, word):
        return [
            status
            for message in self.probe.received["diagnostics"]
            for status in message.status
            if status.name == f"anyseg: {sensor}" and word in f"{status.message} {values(status)}"
        ]


class Oracle:
    """The pipeline in this process, fed with what some of the sensors sent."""

    def __init__(self, calibration, checkpoint):
        self.calibration = calibration
        self.segmenter = load_segmenter(str(checkpoint), "torch")

    def mask(self, sent, sensors, stamp_ns):
        default = PipelineConfig()
        config = PipelineConfig(
            sensors={name: default.sensors[name] for name in sensors},
            input_width=64,
            input_height=64,
        )
        cameras, extrinsics = self.calibration.cameras, CalibrationExtrinsics(self.calibration)
        pipeline = Pipeline(config, self.segmenter, extrinsics, cameras)
        pipeline.set_camera(cameras["rgb"], "camera_optical")
        frames = []
        for name, sent_ns, message in sent:
            if name in sensors and stamp_ns - 1_000_000_000 < sent_ns:
                frames += pipeline.gather(name, CONVERT[name](message), sent_ns)
        [frame] = [one for one in frames if one.readings.stamp_ns == stamp_ns]
        result = pipeline.segment(frame)
        assert result.used == tuple(sensors)
        return result.labels


@pytest.fixture(scope="module")
def oracle(calibration_file, checkpoint):
    return Oracle(load_calibration(calibration_file), checkpoint)


@pytest.fixture(scope="module")
def active(start_node, probe, calibration_file, checkpoint):
    """One node for all failures: active, small and quick."""
    probe.process = start_node(
        calibration_file=calibration_file,
        checkpoint=checkpoint,
        backend="torch",
        input_width=64,
        input_height=64,
        autostart=True,
        # by default a storm is only told: what it means depends on the scene
        health__event__event_storm="exclude",
    )
    probe.wait_for(probe.connected, "subscriptions of the node")
    yield probe
    assert probe.process.interrupt() == 0
    assert "Traceback" not in probe.process.output()


def check_mask(robot, oracle, status, sensors):
    """The mask of a status: its form, and every pixel of it."""
    mask = robot.probe.belonging("segmentation", status)
    confidence = robot.probe.belonging("confidence", status)
    assert (mask.width, mask.height, mask.encoding) == (*SIZE, "mono8")
    assert mask.header.frame_id == "camera_optical"
    labels = np.frombuffer(mask.data, np.uint8).reshape(SIZE[::-1])
    assert labels.max() < 25
    assert len(np.unique(labels)) > 1
    assert max(bytes(confidence.data)) > 0
    expected = oracle.mask(robot.sent, sensors, stamp_to_ns(mask.header.stamp))
    assert np.array_equal(labels, expected)


@pytest.mark.parametrize(
    "failure", FAILURES, ids=[f"{one.sensor}-{one.send.__name__}" for one in FAILURES]
)
def test_what_is_left_makes_the_mask_the_failure_is_told_and_its_end_too(
    active, scene, oracle, failure
):
    robot = Robot(active, scene)
    left = tuple(name for name in SENSORS if name != failure.sensor)
    robot.drive_until(partial(robot.frame_of, *SENSORS), "frame of all four")

    def out_for_that_reason():
        status = robot.frame_of(*left)
        parts = status.status if status else ()
        mine = next((one for one in parts if one.name == f"anyseg: {failure.sensor}"), None)
        return status if mine is not None and failure.reason in values(mine)["reason"] else None

    active.received["diagnostics"].clear()
    status = robot.drive_until(out_for_that_reason, f"frame of {left}", failure)
    check_mask(robot, oracle, status, left)
    # a camera that delivers nonsense still gives the instants; one that is silent does not
    reference = left[0] if failure.reason == "stale" else "rgb"
    frame = values(status.status[0])
    assert frame["reference"] == reference
    assert 0.0 < float(frame["network_ms"]) <= float(frame["latency_ms"])
    if failure.told:
        robot.drive_until(
            lambda: robot.told(failure.sensor, failure.told), f"word of {failure.told}", failure
        )
    robot.sent.clear()
    status = robot.drive_until(
        lambda: len(robot.sent) > 3 * len(SENSORS) and robot.frame_of(*SENSORS), "return"
    )
    check_mask(robot, oracle, status, SENSORS)


def test_the_masks_of_other_sensors_are_other_masks(oracle, scene):
    """Else the test above could not fail."""
    sent = [
        (name, index * 100_000_000, getattr(scene, name)(index * 100_000_000))
        for index in range(1, 8)
        for name in SENSORS
    ]
    subsets = [SENSORS, *(tuple(n for n in SENSORS if n != out) for out in SENSORS)]
    masks = {oracle.mask(sent, subset, 500_000_000).tobytes() for subset in subsets}
    assert len(masks) == len(subsets)
