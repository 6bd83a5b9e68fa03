"""One live replay: the node in a process of its own, the player and the recorder beside it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import rclpy
from rclpy.executors import SingleThreadedExecutor

from anyseg_core.errors import AnysegError
from anyseg_core.geometry import Calibration, save_calibration
from anyseg_core.projection.projector import REFERENCE_CAMERA
from anyseg_core.replay import Bag, find_topics
from anyseg_core.replay.source import BagSource
from anyseg_core.types import NS_PER_S
from anyseg_ros.conversions.event_messages import EVENT_MESSAGES
from anyseg_ros.demo.processes import Processes, isolate_ros
from anyseg_ros.live_replay.player import NODE_TOPICS, BagPlayer, played_sensors
from anyseg_ros.live_replay.recorder import LiveFrame, Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anyseg_core.replay import ReplaySettings, TopicMap

NODE = "anyseg"
PATIENCE_S = 180.0
QUIET_S = 2.0
LINGER_NS = NS_PER_S
SPIN_S = 0.02

_REFUSED = re.compile("cannot be (configured|activated)")


class NodeNotReadyError(AnysegError):
    """The node did not come up, or does not hear the player."""


@dataclass(frozen=True, slots=True)
class LiveRecording:
    """What one live replay gave.

    Attributes:
        frames: the masks, by their stamps.
        dropped: how many frames were overtaken by newer ones.
        rejected: by input, why the latest message of it was left out.
        sent: how many messages were played.
        played_s: real time that it took.
        runtime: of the node's network, in words.
    """

    frames: list[LiveFrame]
    dropped: int
    rejected: Mapping[str, str]
    sent: int
    played_s: float
    runtime: str


def play_live(settings: ReplaySettings, rate: float) -> LiveRecording:
    """Play a bag through DDS against a perception node in a process of its own.

    Nothing reaches beyond this machine, and the topics are in a domain of their own.

    Raises:
        AnysegError: the bag is of no use, or the node does not come up or ends.
    """
    isolate_ros()
    with Bag(settings.bag) as bag, TemporaryDirectory(prefix="anyseg-") as folder:
        topics = find_topics(bag, settings.topics)
        parameters = node_parameters(settings, topics, bag, Path(folder))
        rclpy.init()
        try:
            return _play(bag, topics, parameters, rate, Path(folder))
        finally:
            rclpy.try_shutdown()


def node_parameters(
    settings: ReplaySettings, topics: TopicMap, bag: Bag, folder: Path
) -> dict[str, str]:
    """Return the parameters with which the node does what the replay does.

    Where the bag tells the camera and the transforms, they go into a calibration file, so that
    they hold from the first message on and no tf2 is needed.

    Args:
        settings: of the replay.
        topics: of the bag.
        bag: the recording, open.
        folder: for the calibration file.
    """
    config = settings.config
    parameters = {
        "use_sim_time": "true",
        "autostart": "true",
        "backend": settings.backend,
        "sensors": f"[{', '.join(played_sensors(topics))}]",
        "input_width": str(config.input_width),
        "input_height": str(config.input_height),
        "calibration_file": str(settings.calibration or _calibration(bag, topics, folder)),
    }
    if settings.checkpoint:
        parameters["checkpoint"] = settings.checkpoint
    if settings.event_size is not None:
        width, height = settings.event_size
        parameters |= {"event.width": str(width), "event.height": str(height)}
    for sensor in ("rgb", "depth"):
        if topics.types.get(topics.roles.get(sensor, ""), "").endswith("CompressedImage"):
            parameters[f"{sensor}.transport"] = "compressed"
    if "event" in topics.roles:
        found = topics.types[topics.roles["event"]]
        parameters["event.type"] = next(k for k, v in EVENT_MESSAGES.items() if v == found)
    for role in (*played_sensors(topics), "camera_info"):
        # what is lost on the way depends on the load; here every difference is to come from time
        parameters[f"qos_overrides./{NODE_TOPICS[role]}.subscription.reliability"] = "reliable"
    return parameters


def _calibration(bag: Bag, topics: TopicMap, folder: Path) -> Path:
    source = BagSource(bag, topics)
    camera = source.camera
    path = folder / "calibration.yaml"
    known = source.transforms().transforms
    if camera is None:
        save_calibration(Calibration(transforms=known), path)
    else:
        frame = camera.frame_id.strip("/") or REFERENCE_CAMERA
        cameras, frames = {REFERENCE_CAMERA: camera.camera}, {REFERENCE_CAMERA: frame}
        save_calibration(Calibration(cameras, known, frames), path)
    return path


def _play(
    bag: Bag, topics: TopicMap, parameters: Mapping[str, str], rate: float, folder: Path
) -> LiveRecording:
    node = rclpy.create_node("anyseg_live_replay")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    player = BagPlayer(node, bag, topics, rate)
    recorder = Recorder(node, f"/{NODE}", lambda: player.now_ns)
    try:
        with Processes(folder) as processes:
            processes.start(NODE, "anyseg_ros.perception_node", parameters)

            def spin(seconds: float) -> None:
                executor.spin_once(timeout_sec=seconds)

            def idle() -> None:
                processes.check()
                player.tell_time()
                spin(SPIN_S)

            log_file = folder / f"{NODE}.log"
            wait_until(player.connected, idle, log_file)
            wait_until(lambda: recorder.node_time_ns >= bag.start_ns, idle, log_file)
            begun = time.monotonic()
            sent = player.play(spin, LINGER_NS)
            played_s = time.monotonic() - begun
            _let_finish(recorder, idle)
            log = log_file.read_text(errors="replace")
    finally:
        executor.shutdown()
        node.destroy_node()
    return LiveRecording(
        recorder.frames(), recorder.dropped, recorder.rejected, sent, played_s, _runtime(log)
    )


def wait_until(ready: Callable[[], bool], idle: Callable[[], None], log_file: Path) -> None:
    """Wait for the node.

    Args:
        ready: whether the wait is over.
        idle: passes a moment.
        log_file: of the node.

    Raises:
        NodeNotReadyError: the node says that it cannot work, or nothing came of it for too long.
    """
    end = time.monotonic() + PATIENCE_S
    while not ready():
        log = log_file.read_text(errors="replace")
        if time.monotonic() > end or _REFUSED.search(log):
            lines = log.strip().splitlines()
            raise NodeNotReadyError(
                f"a node that does not come up: {lines[-1] if lines else 'it says nothing'}",
                f"an active node within {PATIENCE_S:g} s",
                "correct what it names; run 'anyseg doctor'; on a busy machine, try again",
            )
        idle()


def _let_finish(recorder: Recorder, idle: Callable[[], None]) -> None:
    """Wait until nothing has come for a while: the last frames may still be at work."""
    count, since = recorder.received, time.monotonic()
    while time.monotonic() - since < QUIET_S:
        idle()
        if recorder.received != count:
            count, since = recorder.received, time.monotonic()


def _runtime(log: str) -> str:
    found = re.search(r"network ready: (.*)", log)
    return found.group(1).strip() if found else ""
