"""The data flow while the node is active: subscriptions, pipeline, worker, publications."""

from __future__ import annotations

import functools
from collections import deque
from typing import TYPE_CHECKING

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from std_srvs.srv import SetBool

from anyseg_core.pipeline import EXCLUDED_BY_HAND
from anyseg_core.types import NS_PER_S
from anyseg_ros.diagnostics import Throughput, diagnostics, frame_status
from anyseg_ros.inputs import SensorInputs
from anyseg_ros.rejections import RejectionLog
from anyseg_ros.usage import UsageLog
from anyseg_ros.worker import NewestWorker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rclpy.lifecycle import LifecycleNode

    from anyseg_core.geometry import Camera
    from anyseg_core.health import Action
    from anyseg_core.pipeline import Pipeline
    from anyseg_core.runtime.timed_segmenter import TimedSegmenter
    from anyseg_core.segmentation import Frame
    from anyseg_core.types import Record
    from anyseg_ros.outputs import Outputs
    from anyseg_ros.parameters import NodeConfig

POLL_PERIOD_S = 0.02
DIAGNOSTICS_PERIOD_S = 1.0
REJECTION_MEMORY_NS = 5_000_000_000
RATE_PERIODS = 3


class Session:
    """Lives from activation to deactivation, so that nothing old survives either.

    Messages are converted and matched in the executor's thread; the network runs in a worker.

    Args:
        node: the node that it belongs to.
        config: the node's parameters.
        event_size: columns and rows of the event camera; None for those of the RGB images.
        pipeline: a new pipeline.
        network: the pipeline's network.
        outputs: where results go.
    """

    def __init__(
        self,
        node: LifecycleNode,
        config: NodeConfig,
        event_size: tuple[int, int] | None,
        pipeline: Pipeline,
        network: TimedSegmenter,
        outputs: Outputs,
    ) -> None:
        self._node = node
        self._pipeline = pipeline
        self._network = network
        self._outputs = outputs
        self._steady_clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._rejections = RejectionLog(
            node.get_logger().warning, lambda: int(self._steady_clock.now().nanoseconds)
        )
        self._usage = UsageLog()
        self._published = 0
        self._published_before = deque([0], maxlen=RATE_PERIODS + 1)
        self._latency_ns = 0
        self._resets_told = 0
        self._worker: NewestWorker[Frame] = NewestWorker(self._segment, self._worker_failed)
        self._services = [
            node.create_service(
                SetBool, f"~/exclude/{sensor}", functools.partial(self._exclude, sensor)
            )
            for sensor in config.pipeline.sensors
        ]
        self._inputs = SensorInputs(
            node, config, event_size, self._take_record, self._take_camera,
            pipeline.set_motion, self._rejections.add,
        )  # fmt: skip
        # a steady clock: waits must end and diagnostics must speak while simulated time is paused
        self._poll_timer = node.create_timer(POLL_PERIOD_S, self._poll, clock=self._steady_clock)
        self._timers = [
            self._poll_timer,
            node.create_timer(DIAGNOSTICS_PERIOD_S, self._diagnose, clock=self._steady_clock),
        ]

    def close(self) -> None:
        """Unsubscribe and let the frame at work finish."""
        self._inputs.destroy()
        for service in self._services:
            self._node.destroy_service(service)
        for timer in self._timers:
            self._node.destroy_timer(timer)
        self._worker.stop()

    @property
    def excluded(self) -> frozenset[str]:
        """The sensors left out by hand."""
        return self._pipeline.excluded

    def set_actions(self, actions: Mapping[str, Mapping[str, Action]]) -> None:
        """Let other actions follow from findings of health from now on."""
        self._pipeline.set_actions(actions)

    def _exclude(
        self, sensor: str, request: SetBool.Request, response: SetBool.Response
    ) -> SetBool.Response:
        self._pipeline.exclude(sensor, excluded=request.data)
        response.success = True
        response.message = f"{sensor} is {EXCLUDED_BY_HAND if request.data else 'admitted'}"
        self._node.get_logger().info(response.message)
        return response

    def _take_record(self, sensor: str, record: Record) -> None:
        self._submit(self._pipeline.gather(sensor, record, self._now_ns()))

    def _take_camera(self, camera: Camera, frame_id: str) -> None:
        self._pipeline.set_camera(camera, frame_id)

    def _poll(self) -> None:
        self._submit(self._pipeline.gather_due(self._now_ns()))

    def _submit(self, frames: list[Frame]) -> None:
        for frame in frames:
            self._worker.submit(frame)
        self._poll_while_waiting()

    def _poll_while_waiting(self) -> None:
        """Run the timer only while it may end a wait: each of its calls costs a millisecond."""
        is_polling = not self._poll_timer.is_canceled()
        if self._pipeline.is_waiting and not is_polling:
            self._poll_timer.reset()
        elif is_polling and not self._pipeline.is_waiting:
            self._poll_timer.cancel()

    def _segment(self, frame: Frame) -> None:
        """Segment and publish one frame, in the worker's thread."""
        before_s = self._network.seconds
        result = self._pipeline.segment(frame)
        network_ns = round((self._network.seconds - before_s) * NS_PER_S)
        self._outputs.publish(result, self._pipeline)
        self._latency_ns = self._now_ns() - result.stamp_ns
        self._published += 1
        self._usage.add(result.sensors)
        self._outputs.publish_status(
            frame_status(
                self._node.get_name(), result, self._latency_ns, network_ns, self._worker.dropped
            )
        )
        for report in result.sensors:
            if report.error is not None:
                self._rejections.add(report.sensor, report.error)

    def _worker_failed(self, error: Exception) -> None:
        if not self._node.context.ok():
            return  # the process was told to stop while this frame was at work
        self._node.get_logger().error(
            f"a frame could not be segmented ({type(error).__name__}: {error}); going on with the "
            "next one",
            throttle_duration_sec=5.0,
        )

    def _tell_of_resets(self) -> None:
        if self._pipeline.reset_count > self._resets_told:
            self._resets_told = self._pipeline.reset_count
            self._node.get_logger().warning(
                f"time jumped, matching began anew: {self._pipeline.last_reset}"
            )

    def _diagnose(self) -> None:
        self._tell_of_resets()
        self._published_before.append(self._published)
        periods = len(self._published_before) - 1
        rate_hz = (self._published - self._published_before[0]) / (periods * DIAGNOSTICS_PERIOD_S)
        now_ns = self._now_ns()
        self._outputs.publish_diagnostics(
            diagnostics(
                self._node.get_name(),
                now_ns,
                Throughput(
                    self._published,
                    self._worker.dropped,
                    rate_hz,
                    self._latency_ns,
                    self._pipeline.reset_count,
                    self._pipeline.last_reset,
                ),
                self._pipeline.verdicts(now_ns),
                self._rejections.recent(REJECTION_MEMORY_NS),
                self._inputs.publisher_counts(),
                excluded=self._pipeline.excluded,
                incompatible=self._inputs.incompatible_publishers(),
                usage=self._usage.take(),
            )
        )

    def _now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)
