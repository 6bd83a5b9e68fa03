"""Every fault of the library in every subset of the sensors, through the whole line."""

from itertools import combinations
from operator import itemgetter

import numpy as np
import pytest

from anyseg_core.config import PipelineConfig
from anyseg_core.errors import MissingDependencyError, RecordError
from anyseg_core.geometry import Calibration, Camera
from anyseg_core.pipeline import Pipeline
from anyseg_core.projection.projector import CalibrationExtrinsics
from anyseg_core.runtime import load_segmenter
from anyseg_core.segmentation import subset_letters
from anyseg_core.simulation import Fault, FaultInjector, RigConfig, SimulatedRig
from anyseg_core.simulation.faults import KINDS
from anyseg_core.simulation.raycasting import import_open3d
from anyseg_core.types import MODALITIES

SIDE = 64
S = 1_000_000_000
PERIOD_NS = S // 10
PACKET_NS = PERIOD_NS // 2
TICKS = 13
FAULT_START_NS = 4 * PERIOD_NS + PERIOD_NS // 4
STALE_AFTER_NS = FAULT_START_NS + PERIOD_NS + S // 2
SUBSETS = [c for n in range(1, 5) for c in combinations(MODALITIES, n)]
FAULTS = [(sensor, kind) for kind, sensors in KINDS.items() for sensor in sensors]
LEFT_OUT = {
    ("rgb", "black"): "black",
    ("depth", "black"): "valid",
    ("rgb", "dropout"): "stale",
    ("depth", "dropout"): "stale",
    ("event", "dropout"): "stale",
    ("lidar", "dropout"): "stale",
}
"""What must leave the sensor out by the end of the run, and a word of the reason."""


@pytest.fixture(scope="module")
def rig():
    try:
        import_open3d()
    except MissingDependencyError as error:
        pytest.skip(str(error))
    return SimulatedRig(RigConfig(width=SIDE, height=SIDE, lidar_beams=16, lidar_columns=180))


@pytest.fixture(scope="module")
def clip(rig):
    """A drive of four sensors: arrival, sensor, reading, in the order of arrival."""
    records = []
    for t_ns in range(PERIOD_NS, (TICKS + 1) * PERIOD_NS, PERIOD_NS):
        records += [
            (t_ns, "rgb", rig.rgb(t_ns)),
            (t_ns + 6_000_000, "depth", rig.depth(t_ns)),
            (t_ns - PERIOD_NS // 2, "lidar", rig.lidar(t_ns - PERIOD_NS // 2)),
        ]
        for end_ns in range(t_ns - PERIOD_NS + PACKET_NS, t_ns + 1, PACKET_NS):
            records.append((end_ns, "event", rig.events(end_ns - PACKET_NS, end_ns)))
    return sorted(records, key=itemgetter(0))


@pytest.fixture(scope="module")
def make_pipeline(rig):
    camera, frame = Camera(SIDE, SIDE, rig.camera_matrix), "camera_optical"
    calibration = Calibration(
        {"rgb": camera}, {(frame, "lidar"): rig.camera_from_lidar}, {"rgb": frame}
    )
    segmenter = load_segmenter()

    def make():
        config = PipelineConfig(input_width=SIDE, input_height=SIDE)
        pipeline = Pipeline(
            config, segmenter, CalibrationExtrinsics(calibration), calibration.cameras
        )
        pipeline.set_camera(camera, frame)
        return pipeline

    return make


def run(pipeline, clip, alive, faults):
    """Play the clip's sensors ``alive`` through the faults.

    Returns the frames, and by sensor the last refusal.
    """
    injector = FaultInjector(faults, seed=3)
    frames, refused = [], {}
    for t_ns, name, record in clip:
        readings = injector.apply(name, record, t_ns) if name in alive else ()
        for sensor in alive:
            if sensor != name:
                for late in injector.release(sensor, t_ns):
                    frames += take(pipeline, sensor, late, t_ns, refused)
        for reading in readings:
            frames += take(pipeline, name, reading, t_ns, refused)
        frames += pipeline.gather_due(t_ns)
    return frames, refused


def take(pipeline, sensor, reading, t_ns, refused):
    try:
        return pipeline.gather(sensor, reading, t_ns)
    except RecordError as error:  # left out and told, as the node does
        refused[sensor] = error
        return []


def check(result, alive):
    """What holds of every mask, whatever happened to the sensors."""
    assert result.labels.shape == result.confidence.shape == (SIDE, SIDE)
    assert bool((result.labels == 255).all()) == (not result.used)
    assert set(result.weights) == set(result.used)
    for report in result.sensors:
        assert report.used == (not report.reason)
        assert (report.reason == "never_seen") <= (not report.used)
        if report.sensor not in alive:
            assert report.reason == "never_seen"


@pytest.mark.parametrize("alive", SUBSETS, ids=subset_letters)
def test_a_drive_without_faults_uses_all_that_is_there(make_pipeline, clip, alive):
    pipeline = make_pipeline()
    frames, refused = run(pipeline, clip, alive, [])
    assert len(frames) >= TICKS - 2
    assert refused == {}
    result = pipeline.segment(frames[-2])
    check(result, alive)
    assert set(result.used) == set(alive)


@pytest.mark.parametrize(("sensor", "kind"), FAULTS, ids=lambda v: v)
def test_a_fault_in_any_subset_raises_nothing_and_masks_go_on_from_what_is_left(
    make_pipeline, clip, sensor, kind
):
    for alive in (subset for subset in SUBSETS if sensor in subset):
        pipeline = make_pipeline()
        frames, refused = run(pipeline, clip, alive, [Fault(sensor, kind, FAULT_START_NS)])
        rest = set(alive) - {sensor}
        during = [f for f in frames if f.gathered_ns > STALE_AFTER_NS]
        last = pipeline.segment((during or frames)[-1])
        check(last, alive)
        if not rest:
            continue
        # Another sensor delivers all the while, so that masks must go on, and from it.
        assert during, alive
        assert rest <= set(last.used), alive
        report = next(r for r in last.sensors if r.sensor == sensor)
        word = LEFT_OUT.get((sensor, kind))
        if word is not None:
            assert not report.used, alive
            assert word in report.reason, alive
        if sensor in refused:
            assert "future" in refused[sensor].got
            assert kind == "stamp_jump"


@pytest.mark.parametrize("sensor", ["rgb", "depth"])
def test_with_the_only_sensor_black_the_mask_says_so_in_every_pixel(make_pipeline, clip, sensor):
    pipeline = make_pipeline()
    frames, _ = run(pipeline, clip, (sensor,), [Fault(sensor, "black", FAULT_START_NS)])
    result = pipeline.segment(frames[-1])
    assert result.used == ()
    assert np.all(result.labels == 255)
    assert next(r for r in result.sensors if r.sensor == sensor).reason


def test_a_fault_that_ends_gives_the_sensor_back(make_pipeline, clip):
    for kind in ("black", "dropout", "freeze", "stamp_jump"):
        pipeline = make_pipeline()
        fault = Fault("rgb", kind, FAULT_START_NS, FAULT_START_NS + 2 * PERIOD_NS)
        frames, _ = run(pipeline, clip, MODALITIES, [fault])
        assert "rgb" in pipeline.segment(frames[-1]).used, kind
