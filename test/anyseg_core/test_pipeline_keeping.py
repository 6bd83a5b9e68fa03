"""A LiDAR at 10 Hz beside a camera at 30 Hz: what is kept, and that no mask differs for it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyseg_core.config import PipelineConfig
from anyseg_core.geometry import Calibration, Camera
from anyseg_core.normalisation import DEFAULT_NORMALISATION
from anyseg_core.pipeline import Pipeline
from anyseg_core.projection.keeping import KeepingProjector
from anyseg_core.projection.projector import CalibrationExtrinsics
from anyseg_core.runtime.segmenter import Prediction
from anyseg_core.types import DepthRecord, EventArray, EventRecord, LidarRecord, RgbRecord

FRAME = "camera_optical"
SIDE = 32
CAMERA = Camera(SIDE, SIDE, ((25, 0, 15.5), (0, 25, 15.5), (0, 0, 1)))
CAMERA_FROM_LIDAR = np.array([[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])
RIG = Calibration({"rgb": CAMERA}, {(FRAME, "lidar"): CAMERA_FROM_LIDAR}, {"rgb": FRAME})
TICK_NS = 33_333_333
START_NS = 10**12


class Card:
    normalisation = DEFAULT_NORMALISATION


class Listening:
    """A segmenter whose mask depends on every bit of its tensors, and that notes identities."""

    card, trained, description = Card(), False, "listening"

    def __init__(self):
        self.heard = []

    def segment(self, tensors, readings=None):
        assert set(readings) == set(tensors)
        self.heard.append(dict(readings))
        mixed = sum(
            (place + 1) * tensor.view(np.uint32).astype(np.uint64).sum(0)
            for place, tensor in enumerate(tensors.values())
        )
        labels = (mixed % 251).astype(np.uint8)
        return Prediction(labels, labels, dict.fromkeys(tensors, 1.0))

    def warm_up(self, width, height):
        pass


def make_pipeline():
    network = Listening()
    config = PipelineConfig(input_width=SIDE, input_height=SIDE)
    pipeline = Pipeline(config, network, CalibrationExtrinsics(RIG), RIG.cameras)
    pipeline.set_camera(CAMERA, FRAME)
    return pipeline, network


def reading(sensor, stamp_ns):
    random = np.random.default_rng(stamp_ns)
    if sensor == "rgb":
        return RgbRecord(stamp_ns, FRAME, random.integers(0, 256, (SIDE, SIDE, 3), np.uint8))
    if sensor == "depth":
        depth = random.integers(500, 9000, (SIDE, SIDE), np.uint16)
        return DepthRecord(stamp_ns, FRAME, depth, 0.001)
    if sensor == "lidar":
        points = random.uniform((1, -9, -2, 0), (20, 9, 2, 1), (200, 4)).astype(np.float32)
        return LidarRecord(stamp_ns, "lidar", points)
    events = EventArray(
        random.integers(0, SIDE, 50).astype(np.uint16),
        random.integers(0, SIDE, 50).astype(np.uint16),
        stamp_ns + np.arange(50) * 1000,
        random.integers(0, 2, 50).astype(np.uint8),
    )
    return EventRecord(stamp_ns, FRAME, events, SIDE, SIDE)


def run(pipeline, every, ticks, changes=()):
    """Push each sensor every so many ticks; at the ticks of ``changes`` the camera changes."""
    results = []
    for tick in range(ticks):
        now_ns = START_NS + tick * TICK_NS
        if tick in changes:
            focal = 20.0 + tick
            moved = Camera(SIDE, SIDE, ((focal, 0, 15.5), (0, focal, 15.5), (0, 0, 1)))
            pipeline.set_camera(moved, FRAME)
        for sensor, period in every.items():
            if tick % period == 0:
                results += pipeline.push(sensor, reading(sensor, now_ns), now_ns)
        results += pipeline.poll(now_ns + TICK_NS - 1)
    return results + pipeline.flush()


@pytest.mark.parametrize(("sensor", "period"), [("lidar", 3), ("depth", 2)])
def test_a_slow_sensors_identity_changes_with_its_readings_alone(sensor, period):
    pipeline, network = make_pipeline()
    ticks = 30
    run(pipeline, {"rgb": 1, sensor: period}, ticks)
    told = [heard for heard in network.heard if sensor in heard]
    assert len(told) >= ticks - 2
    assert len({heard["rgb"] for heard in told}) == len(told)
    assert len({heard[sensor] for heard in told}) == ticks // period


def test_without_any_usable_sensor_the_network_is_not_asked():
    pipeline, network = make_pipeline()
    pipeline.exclude("rgb", excluded=True)
    run(pipeline, {"rgb": 1}, 4)
    assert network.heard == []


@settings(max_examples=25, deadline=None)
@given(
    every=st.fixed_dictionaries(
        {"rgb": st.integers(1, 2)},
        optional={
            "depth": st.integers(1, 4), "event": st.integers(1, 2), "lidar": st.integers(1, 4)
        },
    ),
    changes=st.sets(st.integers(1, 14), max_size=3),
)  # fmt: skip
def test_masks_are_the_same_bit_for_bit_with_and_without_keeping(every, changes):
    (keeping, kept), (plain, anew) = make_pipeline(), make_pipeline()
    with pytest.MonkeyPatch.context() as patch:
        results = run(keeping, every, 15, changes)
        patch.setattr(KeepingProjector, "_origin", lambda *_: None)
        expected = run(plain, every, 15, changes)
    assert [each.stamp_ns for each in results] == [each.stamp_ns for each in expected]
    for one, other in zip(results, expected, strict=True):
        assert one.used == other.used
        assert one.labels.tobytes() == other.labels.tobytes()
    all_new = [set(heard.values()) for heard in anew.heard]
    assert sum(map(len, all_new)) == len(set().union(*all_new))
    assert len(kept.heard) == len(anew.heard)
