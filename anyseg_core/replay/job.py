"""One pass over a bag with some cases: what one worker does of a campaign."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from anyseg_core.config import PipelineConfig
from anyseg_core.errors import CalibrationError, RecordError
from anyseg_core.geometry import Calibration, load_calibration
from anyseg_core.projection import warm_up
from anyseg_core.projection.projector import (
    REFERENCE_CAMERA,
    CalibrationExtrinsics,
    ExtrinsicsSource,
)
from anyseg_core.replay.bag import Bag
from anyseg_core.replay.cases import NOMINAL
from anyseg_core.replay.rig import Rig
from anyseg_core.replay.run import CaseReplay, CaseResult, replay
from anyseg_core.replay.shared import Shared
from anyseg_core.replay.sinks import open_sink
from anyseg_core.replay.source import BagSource, CameraReading
from anyseg_core.replay.topics import TRUTH, TopicMap, find_topics
from anyseg_core.replay.truth import FolderTruth, TopicTruth, Truth
from anyseg_core.runtime import load_segmenter, untimed_backend
from anyseg_core.runtime.timed_segmenter import TimedSegmenter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from anyseg_core.geometry import Camera
    from anyseg_core.models import ModelCard
    from anyseg_core.replay.cases import Case
    from anyseg_core.replay.run import MaskSink
    from anyseg_core.runtime.segmenter import Segmenter
    from anyseg_core.types import Float64Array


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """What all jobs of a campaign share; plain data, so that it can be sent to a worker.

    Attributes:
        bag: the recording.
        checkpoint: of the network; empty for the package's own.
        backend: runtime of the network; ``auto`` is the same one on every run of a machine.
        topics: topic by role, where the user named it.
        calibration: a calibration file; None for camera info and transforms in the bag.
        event_size: columns and rows of the event camera; None for those of the RGB images.
        truth: folder of true masks; None for the bag's topic, if it has one.
        truth_tolerance_ns: farthest that a truth's stamp may lie from a mask's.
        masks: what is written of the masks: ``none``, ``png`` or ``bag``.
        output: folder for what is written; None for nothing.
        film: whether pictures are kept for the report.
        config: of the pipeline; its sensors are those of the bag.
        seed: of everything random in the faults.
    """

    bag: Path
    checkpoint: str = ""
    backend: str = "auto"
    topics: Mapping[str, str] = field(default_factory=dict)
    calibration: Path | None = None
    event_size: tuple[int, int] | None = None
    truth: Path | None = None
    truth_tolerance_ns: int = 50_000_000
    masks: str = "none"
    output: Path | None = None
    film: bool = False
    config: PipelineConfig = field(default_factory=PipelineConfig)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class JobResult:
    """What one pass gave.

    Attributes:
        results: one per case, in order; the nominal case stands first.
        problems: what could not be read, in sentences.
        counts: messages read, by topic.
        network_s: time spent in the network.
        network_calls: how often it ran.
        total_s: time of the whole pass, without loading and warming up.
        description: the runtime, in words.
        card: of the network.
    """

    results: tuple[CaseResult, ...]
    problems: tuple[str, ...]
    counts: Mapping[str, int]
    network_s: float
    network_calls: int
    total_s: float
    description: str
    card: ModelCard


class BagExtrinsics:
    """Extrinsics from the transforms that a bag holds."""

    def __init__(self, transforms: Calibration) -> None:
        self._transforms = transforms

    def camera_from_sensor(self, sensor: str, camera_frame: str, sensor_frame: str) -> Float64Array:
        """See ``ExtrinsicsSource``."""
        try:
            return self._transforms.transform(camera_frame.strip("/"), sensor_frame.strip("/"))
        except CalibrationError as error:
            raise CalibrationError(
                f"a bag without the transform {camera_frame!r} from {sensor_frame!r} ({sensor})",
                "that transform in /tf_static, or a calibration file",
                "give --calibration FILE, or record /tf_static",
            ) from error


def run_job(
    settings: ReplaySettings,
    cases: tuple[Case, ...],
    watchers: Mapping[str, MaskSink] | None = None,
) -> JobResult:
    """Replay a bag once with all of ``cases``; the first is the nominal one.

    Args:
        settings: of the campaign.
        cases: what to try.
        watchers: by case, what else takes the masks as they come.

    Raises:
        AnysegError: the bag, the network or the calibration is of no use.
    """
    with ExitStack() as stack:
        bag = stack.enter_context(Bag(settings.bag))
        topics = find_topics(bag, settings.topics)
        source = BagSource(bag, topics, settings.event_size)
        network = TimedSegmenter(_network(settings))
        network.warm_up(settings.config.input_width, settings.config.input_height)
        warm_up()
        shared = Shared(_rig(settings, bag, source, network), alone=len(cases) == 1)
        truth = _truth(settings, topics)
        watching = watchers or {}
        sinks = [
            open_sink(settings, case, shared.rig, stack, watching.get(case.name)) for case in cases
        ]
        replays = _replays(cases, shared, truth, sinks)
        camera = first_camera(settings, source)
        if camera is not None:
            for one in replays:
                one.set_camera(camera)
        begun = time.perf_counter()
        replay(source.items(), replays, truth, bag.start_ns)
        results = tuple(one.finish() for one in replays)
        total_s = time.perf_counter() - begun
    _check_results(settings, results, source)
    return JobResult(
        results,
        tuple(_problems(bag, source, results[0])),
        dict(source.counts),
        network.seconds,
        network.calls,
        total_s,
        network.description,
        network.card,
    )


def first_camera(settings: ReplaySettings, source: BagSource) -> CameraReading | None:
    """Return the reference camera as it is known before the first reading, as the node has it."""
    if settings.calibration is None:
        return source.camera
    calibration = load_calibration(settings.calibration)
    if REFERENCE_CAMERA not in calibration.cameras:
        return source.camera
    camera, frame = calibration.camera(REFERENCE_CAMERA), calibration.frame(REFERENCE_CAMERA)
    return CameraReading(0, camera, frame)


def _network(settings: ReplaySettings) -> Segmenter:
    backend = settings.backend
    if backend == "auto":  # every run and every worker must take the same one
        backend = untimed_backend(settings.checkpoint)
    return load_segmenter(settings.checkpoint, backend)


def _rig(settings: ReplaySettings, bag: Bag, source: BagSource, network: Segmenter) -> Rig:
    extrinsics: ExtrinsicsSource
    cameras: Mapping[str, Camera] = {}
    if settings.calibration is not None:
        calibration = load_calibration(settings.calibration)
        extrinsics, cameras = CalibrationExtrinsics(calibration), calibration.cameras
    else:
        extrinsics = BagExtrinsics(source.transforms())
    return Rig(settings.config, network, extrinsics, cameras, bag.start_ns, settings.seed)


def _replays(
    cases: Sequence[Case], shared: Shared, truth: Truth | None, sinks: Sequence[MaskSink | None]
) -> list[CaseReplay]:
    nominal: CaseReplay | None = None
    replays = []
    for case, sink in zip(cases, sinks, strict=True):
        replays.append(CaseReplay(case, shared, truth, sink, nominal))
        if case.name == NOMINAL:
            nominal = replays[-1]
    return replays


def _truth(settings: ReplaySettings, topics: TopicMap) -> Truth | None:
    if settings.truth is not None:
        return FolderTruth(settings.truth, settings.truth_tolerance_ns)
    return TopicTruth(settings.truth_tolerance_ns) if TRUTH in topics.roles else None


def _check_results(
    settings: ReplaySettings, results: tuple[CaseResult, ...], source: BagSource
) -> None:
    first = results[0]
    if not first.rows:
        reasons = [reason for _, reason in (*first.refused.values(), *source.refused.values())]
        raise RecordError(
            f"{settings.bag}, of which no reading could be used ({'; '.join(reasons) or 'none'})",
            "readings whose stamps and record times come from one clock, and cameras or clouds "
            "that can be read",
            "correct what the reason names; 'ros2 bag info' shows the bag's topics and times",
        )


def _problems(bag: Bag, source: BagSource, nominal: CaseResult) -> list[str]:
    refused = sorted(source.refused.items()) + sorted(nominal.refused.items())
    words = [
        f"{count} messages of {name} were of no use: {reason}" for name, (count, reason) in refused
    ]
    return [*bag.problems, *source.times.problems(), *words]
