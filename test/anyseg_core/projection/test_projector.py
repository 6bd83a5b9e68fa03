"""The projector's memory: kept from frame to frame, and never with an old frame in it."""

import tracemalloc

import numpy as np
import pytest

from anyseg_core.geometry import Calibration, Camera
from anyseg_core.normalisation import DEFAULT_NORMALISATION
from anyseg_core.projection.projector import CalibrationExtrinsics, Projector
from anyseg_core.types import DepthRecord, EventArray, EventRecord, LidarRecord, RgbRecord

WIDTH, HEIGHT = 320, 240
FRAME = "camera"
CAMERA = Camera(WIDTH, HEIGHT, ((200, 0, 160), (0, 200, 120), (0, 0, 1)))
POSE = np.array(((0, -1, 0, 0), (0, 0, -1, 0), (1, 0, 0, 0), (0, 0, 0, 1)), float)
RIG = Calibration(
    {"rgb": CAMERA, "depth": CAMERA},
    {(FRAME, "lidar"): POSE, (FRAME, "depth"): np.eye(4)},
    {"rgb": FRAME},
)


@pytest.fixture
def open_projector():
    def make(aligned=("depth", "event")):
        projector = Projector(
            256, 192, DEFAULT_NORMALISATION, aligned=aligned,
            extrinsics=CalibrationExtrinsics(RIG), cameras={"depth": CAMERA}, min_range_m=0.5,
        )  # fmt: skip
        projector.set_camera(CAMERA, FRAME)
        return projector

    return make


def readings(seed):
    random = np.random.default_rng(seed)
    points = random.uniform((1, -9, -2, 0), (30, 9, 2, 1), (30_000, 4)).astype(np.float32)
    count = 60_000
    events = EventArray(
        random.integers(0, WIDTH, count).astype(np.uint16),
        random.integers(0, HEIGHT, count).astype(np.uint16),
        np.sort(random.integers(0, 1000, count)),
        random.integers(0, 2, count).astype(np.uint8),
    )
    depth = random.integers(0, 9000, (HEIGHT, WIDTH), np.uint16)
    return {
        "rgb": RgbRecord(0, FRAME, random.integers(0, 256, (480, 640, 3), np.uint8)),
        "depth": DepthRecord(0, "depth", depth, 0.001),
        "event": EventRecord(0, "event", events, WIDTH, HEIGHT),
        "lidar": LidarRecord(0, "lidar", points),
    }


@pytest.mark.parametrize("aligned", [("depth", "event"), ("event",)], ids=["resized", "registered"])
def test_a_frame_allocates_nothing_of_an_images_size(open_projector, aligned):
    projector, frames = open_projector(aligned), [readings(0), readings(1)]

    def run(frame):
        for sensor, record in frame.items():
            projector.project(sensor, [record], 1000)

    tracemalloc.start()
    try:
        for number in range(4):
            run(frames[number % 2])
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for number in range(4):
            run(frames[number % 2])
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < 40_000  # the plane of one channel alone is 196 608 bytes
    assert after - before < 4_000


@pytest.mark.parametrize("sensor", ["rgb", "depth", "event", "lidar"])
def test_nothing_of_the_frame_before_is_left(open_projector, sensor):
    used, fresh = open_projector(), open_projector()
    used.project(sensor, [readings(0)[sensor]], 1000)
    second = readings(1)[sensor]
    again = used.project(sensor, [second], 1000)
    assert np.array_equal(again, fresh.project(sensor, [second], 1000))
    assert again.std() > 0.0


def test_each_sensor_has_its_own_tensor(open_projector):
    projector = open_projector()
    tensors = [projector.project(name, [record], 1000) for name, record in readings(0).items()]
    assert len({tensor.ctypes.data for tensor in tensors}) == 4
