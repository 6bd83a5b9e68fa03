"""The perception node: topics in, masks out, with whatever sensors are left."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from anyseg_core.errors import AnysegError
from anyseg_core.geometry import Calibration, load_calibration
from anyseg_core.pipeline import Pipeline
from anyseg_core.projection import warm_up
from anyseg_core.projection.projector import (
    REFERENCE_CAMERA,
    CalibrationExtrinsics,
    ExtrinsicsSource,
)
from anyseg_core.runtime import Segmenter, load_segmenter
from anyseg_core.runtime.timed_segmenter import TimedSegmenter
from anyseg_ros.executable import run_node
from anyseg_ros.outputs import Outputs
from anyseg_ros.parameters import (
    LOADED_ON_CONFIGURE,
    SPECS,
    NodeConfig,
    declare_parameters,
    read_parameters,
)
from anyseg_ros.session import Session
from anyseg_ros.tf import TfExtrinsics

if TYPE_CHECKING:
    from collections.abc import Collection

    from rclpy.parameter import Parameter


@dataclass(frozen=True, slots=True)
class Loaded:
    """What configuring gives and cleaning up takes back."""

    config: NodeConfig
    segmenter: Segmenter
    calibration: Calibration
    extrinsics: ExtrinsicsSource
    outputs: Outputs


class PerceptionNode(LifecycleNode):
    """See docs/node.md for its topics and parameters.

    Configuring loads the network and the calibration and warms the network up; activating
    subscribes; deactivating unsubscribes and forgets every reading; cleaning up frees the network.
    """

    def __init__(self) -> None:
        super().__init__("anyseg")
        declare_parameters(self)
        self._loaded: Loaded | None = None
        self._session: Session | None = None
        self.add_on_set_parameters_callback(self._check_parameters)
        self.add_post_set_parameters_callback(self._take_parameters)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm up; refuse with the reason."""
        try:
            self._loaded = self._load()
        except AnysegError as error:
            self.get_logger().error(f"cannot be configured: {error}")
            return TransitionCallbackReturn.FAILURE
        except Exception:
            # rclpy would turn it into a failed transition without a word
            self.get_logger().error(f"cannot be configured:\n{traceback.format_exc()}")
            raise
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Publish the classes, then subscribe, with no memory of what was before."""
        result = super().on_activate(state)
        loaded = self._loaded
        assert loaded is not None  # the lifecycle configures first
        loaded.outputs.publish_labels()
        try:
            self._begin_session(loaded)
        except AnysegError as error:
            self.get_logger().error(f"cannot be activated: {error}")
            return TransitionCallbackReturn.FAILURE
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe and let the frame at work finish."""
        self._end_session()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the network and the topics."""
        self.release()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything."""
        self.release()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything; the node can then be configured again."""
        self.release()
        return super().on_error(state)

    def autostart(self) -> None:
        """Configure and activate, where the parameter ``autostart`` asks for it."""
        if not self.get_parameter("autostart").value:
            return
        if self.trigger_configure() is TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def release(self) -> None:
        """End the data flow and free the network and the topics; harmless when there are none."""
        self._end_session()
        if self._loaded is not None:
            self._loaded.outputs.destroy()
            self._loaded = None

    def _check_parameters(self, parameters: list[Parameter[Any]]) -> SetParametersResult:
        """Refuse values that no configuration could be made of.

        Where the parameters made none before, any change may be a step towards one.
        """
        changes = {each.name: each.value for each in parameters if each.name in SPECS}
        reason = self._refusal(changes)
        if reason and not self._refusal({}):
            return SetParametersResult(successful=False, reason=reason)
        return SetParametersResult(successful=True)

    def _refusal(self, changes: dict[str, Any]) -> str:
        try:
            read_parameters(self, changes)
        except AnysegError as error:
            return str(error)
        return ""

    def _take_parameters(self, parameters: list[Parameter[Any]]) -> None:
        """Let an active node heed the changes that it can, and say which wait."""
        loaded, names = self._loaded, {each.name for each in parameters} & set(SPECS)
        if loaded is None or not names:
            return
        if later := sorted(names & LOADED_ON_CONFIGURE):
            self.get_logger().info(f"{', '.join(later)}: takes effect on the next configure")
        config = read_parameters(self).with_loaded(loaded.config)
        self._loaded = replace(loaded, config=config)
        if self._session is None or config == loaded.config:
            return
        if config.differs_in_actions_alone(loaded.config):
            self._session.set_actions(config.pipeline.actions)
        else:
            self._renew_session(loaded)

    def _renew_session(self, before: Loaded) -> None:
        """Gather anew with the parameters as they are now; go on as before if that cannot be."""
        assert self._session is not None
        assert self._loaded is not None
        excluded = self._session.excluded
        self._end_session()
        try:
            self._begin_session(self._loaded, excluded)
        except AnysegError as error:
            self.get_logger().error(f"goes on with the parameters of before: {error}")
            self._loaded = before
            self._begin_session(before, excluded)
        else:
            self.get_logger().info("parameters taken over; readings are gathered anew")

    def _begin_session(self, loaded: Loaded, excluded: Collection[str] = ()) -> None:
        """Subscribe.

        Raises:
            AnysegError: a message package is missing.
        """
        network = TimedSegmenter(loaded.segmenter)
        pipeline = self._pipeline(loaded, network)
        for sensor in excluded:
            if sensor in loaded.config.pipeline.sensors:
                pipeline.exclude(sensor, excluded=True)
        self._session = Session(
            self, loaded.config, _event_size(loaded), pipeline, network, loaded.outputs
        )

    def _load(self) -> Loaded:
        config = read_parameters(self)
        path = config.calibration_file
        calibration = load_calibration(path) if path is not None else Calibration()
        warm_up()
        segmenter = load_segmenter(config.checkpoint, config.backend, config.device)
        taken = segmenter.warm_up(config.pipeline.input_width, config.pipeline.input_height)
        self.get_logger().info(f"network ready: {segmenter.description}; warmed up: {taken}")
        if not segmenter.trained:
            self.get_logger().warning(
                "the network is untrained: its masks show that the line runs, not what it sees"
            )
        return Loaded(
            config,
            segmenter,
            calibration,
            TfExtrinsics(self) if path is None else CalibrationExtrinsics(calibration),
            Outputs(self, segmenter.card.classes),
        )

    @staticmethod
    def _pipeline(loaded: Loaded, network: Segmenter) -> Pipeline:
        calibration = loaded.calibration
        pipeline = Pipeline(loaded.config.pipeline, network, loaded.extrinsics, calibration.cameras)
        if REFERENCE_CAMERA in calibration.cameras:
            frame_id = loaded.config.camera_frame or calibration.frame(REFERENCE_CAMERA)
            pipeline.set_camera(calibration.camera(REFERENCE_CAMERA), frame_id)
        return pipeline

    def _end_session(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def _event_size(loaded: Loaded) -> tuple[int, int] | None:
    """Return the event camera's size: as set, else as calibrated, else the RGB camera's."""
    cameras = loaded.calibration.cameras
    camera = cameras.get("event", cameras.get(REFERENCE_CAMERA))
    calibrated = None if camera is None else (camera.width, camera.height)
    return loaded.config.event_size or calibrated


def main() -> None:
    """Run the node until it is told to stop."""
    run_node("anyseg", PerceptionNode, start=PerceptionNode.autostart, close=PerceptionNode.release)


if __name__ == "__main__":
    main()
