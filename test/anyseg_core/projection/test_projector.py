"""The projector's memory: kept from frame to frame, and never with an old frame in it."""

import tracemalloc

import numpy as np
import pytest

from anyseg_core.errors import RecordError
from anyseg_core.geometry import Calibration, Camera
from anyseg_core.normalisation import DEFAULT_NORMALISATION
from anyseg_core.projection import (
    bin_events,
    deskew_points,
    event_map,
    normalise,
    remap_events,
    time_surface,
    voxel_grid,
)
from anyseg_core.projection import projector as projector_module
from anyseg_core.projection.projector import CalibrationExtrinsics, Projector
from anyseg_core.types import (
    EVENT_REPRESENTATIONS,
    DepthRecord,
    EventArray,
    EventRecord,
    LidarRecord,
    Motion,
    RgbRecord,
)

WIDTH, HEIGHT = 320, 240
FRAME = "camera"
CAMERA = Camera(WIDTH, HEIGHT, ((200, 0, 160), (0, 200, 120), (0, 0, 1)))
POSE = np.array(((0, -1, 0, 0), (0, 0, -1, 0), (1, 0, 0, 0), (0, 0, 0, 1)), float)
RIG = Calibration(
    {"rgb": CAMERA, "depth": CAMERA},
    {(FRAME, "lidar"): POSE, (FRAME, "depth"): np.eye(4), (FRAME, "base"): POSE},
    {"rgb": FRAME},
)


@pytest.fixture
def open_projector():
    def make(aligned=("depth", "event"), rig=RIG, **options):
        projector = Projector(
            256, 192, DEFAULT_NORMALISATION, aligned=aligned,
            extrinsics=CalibrationExtrinsics(rig), cameras=rig.cameras, min_range_m=0.5, **options,
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
        "lidar": LidarRecord(0, "lidar", points, np.linspace(-(10**8), 0, len(points)).astype(int)),
    }


@pytest.mark.parametrize("representation", EVENT_REPRESENTATIONS)
@pytest.mark.parametrize("deskew", [False, True], ids=["as it came", "de-skewed"])
@pytest.mark.parametrize("aligned", [("depth", "event"), ("event",)], ids=["resized", "registered"])
def test_a_frame_allocates_nothing_of_an_images_size(
    open_projector, aligned, deskew, representation
):
    projector = open_projector(
        aligned, representation=representation, deskew=deskew, window_ns=1000
    )
    projector.set_motion(Motion(0, "base", np.array([9.0, 0, 0]), np.array([0, 0, 0.4])))
    frames = [readings(0), readings(1)]

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


EVENT = Camera(64, 48, ((45, 0, 31.5), (0, 45, 23.5), (0, 0, 1)), (-0.2, 0.05, 1e-3, 1e-3))
EVENT_RIG = Calibration(
    {"rgb": CAMERA, "event": EVENT},
    {(FRAME, "event"): np.array(((1, 0, 0, 0.1), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1.0)))},
    {"rgb": FRAME},
)


def packets(count=3, frame="event"):
    """Packets that follow each other in time; some events lie outside the sensor."""
    random = np.random.default_rng(5)
    for number in range(count):
        events = EventArray(
            random.integers(0, 70, 500, np.uint16),
            random.integers(0, 50, 500, np.uint16),
            np.sort(random.integers(300 * number, 300 * number + 300, 500)),
            random.integers(0, 2, 500, np.uint8),
        )
        yield EventRecord(300 * number, frame, events, 64, 48)


@pytest.mark.parametrize("representation", EVENT_REPRESENTATIONS)
def test_a_window_of_packets_is_drawn_as_its_events_moved_one_by_one(
    open_projector, representation
):
    records = list(packets())
    events = EventArray(
        *(np.concatenate([getattr(r.events, n) for r in records]) for n in ("x", "y", "t_ns", "p"))
    )
    moved = remap_events(events, event_map(EVENT, CAMERA.scaled(256, 192), np.eye(4)))
    expected = {
        "polarity_counts": lambda: bin_events(moved, 256, 192, t_end_ns=700),
        "voxel_grid": lambda: voxel_grid(moved, 256, 192, 3, 200, 700),
        "time_surface": lambda: time_surface(moved, 256, 192, 700, 500),
    }[representation]()
    assert np.abs(expected).sum() > 100
    drawn = open_projector((), EVENT_RIG, representation=representation, window_ns=500)
    tensor = drawn.project("event", records, 700)
    wanted = normalise(expected, None, DEFAULT_NORMALISATION["event"])
    np.testing.assert_allclose(tensor, wanted, atol=1e-5)


@pytest.fixture
def maps_made(monkeypatch):
    made = []

    def counted(*arguments):
        made.append(arguments[0])
        return event_map(*arguments)

    monkeypatch.setattr(projector_module, "event_map", counted)
    return made


def test_the_look_up_of_event_pixels_is_made_before_the_first_frame(open_projector, maps_made):
    calibrated = open_projector((), EVENT_RIG)
    assert len(maps_made) == 1
    for _ in range(2):
        calibrated.project("event", list(packets()), 1000)
    assert len(maps_made) == 1


def test_the_look_up_of_an_aligned_sensor_is_made_when_its_first_packet_arrives(
    open_projector, maps_made
):
    aligned = open_projector(("event",))
    for record in packets():
        aligned.see(record)
    assert len(maps_made) == 1
    aligned.project("event", list(packets()), 1000)
    assert len(maps_made) == 1


def test_a_camera_that_changes_makes_the_look_up_anew_at_once(open_projector, maps_made):
    drawn = open_projector((), EVENT_RIG)
    before = drawn.project("event", list(packets()), 1000).copy()
    drawn.set_camera(Camera(WIDTH, HEIGHT, ((150, 0, 160), (0, 150, 120), (0, 0, 1))), FRAME)
    assert len(maps_made) == 2
    after = drawn.project("event", list(packets()), 1000)
    assert len(maps_made) == 2
    assert not np.array_equal(before, after)


BASE_FROM_LIDAR = np.array(((0, -1, 0, 0.4), (1, 0, 0, 0.1), (0, 0, 1, 1.2), (0, 0, 0, 1.0)))
MOVING_RIG = Calibration(
    {"rgb": CAMERA},
    {(FRAME, "lidar"): POSE, ("base", "lidar"): BASE_FROM_LIDAR},
    {"rgb": FRAME},
)


def moving(stamp_ns=0):
    return Motion(stamp_ns, "base", np.array([1.0, 9.0, 0.2]), np.array([0.1, 0.0, 0.5]))


def test_a_sweep_is_moved_to_the_instant_by_the_robots_motion(open_projector):
    """The twist at the LiDAR by hand: v + w x place, both turned into the LiDAR's axes."""
    sweep = readings(0)["lidar"]
    instant_ns = 30_000_000
    axes = BASE_FROM_LIDAR[:3, :3]
    at_lidar = np.array([1.0, 9.0, 0.2]) + np.cross([0.1, 0.0, 0.5], [0.4, 0.1, 1.2])
    offsets_s = (sweep.point_t_ns - instant_ns) / 1e9
    moved = deskew_points(
        sweep.points, offsets_s, axes.T @ at_lidar, axes.T @ np.array([0.1, 0.0, 0.5])
    )
    expected = open_projector(rig=MOVING_RIG).project(
        "lidar", [LidarRecord(0, "lidar", moved)], instant_ns
    )
    corrected = open_projector(rig=MOVING_RIG, deskew=True)
    corrected.set_motion(moving())
    assert np.array_equal(corrected.project("lidar", [sweep], instant_ns), expected)
    as_it_came = open_projector(rig=MOVING_RIG).project("lidar", [sweep], instant_ns)
    assert not np.array_equal(as_it_came, expected)
    mask = np.arange(WIDTH * HEIGHT, dtype=np.uint8).reshape(HEIGHT, WIDTH)
    labels = corrected.label_points(sweep, mask, instant_ns)
    plain = open_projector(rig=MOVING_RIG)
    moved_sweep = LidarRecord(0, "lidar", moved)
    assert np.array_equal(labels, plain.label_points(moved_sweep, mask, instant_ns))


@pytest.mark.parametrize(
    ("motion", "times", "said"),
    [
        (None, True, "no odometry"),
        (moving(-(10**9)), True, "1.00 s from the sweep"),
        (moving(), False, "time of each point"),
    ],
)
def test_a_sweep_that_cannot_be_moved_is_left_out_with_the_reason(
    open_projector, motion, times, said
):
    sweep = readings(0)["lidar"]
    if not times:
        sweep = LidarRecord(0, "lidar", sweep.points)
    corrected = open_projector(rig=MOVING_RIG, deskew=True)
    if motion is not None:
        corrected.set_motion(motion)
    with pytest.raises(RecordError, match=said):
        corrected.project("lidar", [sweep], 0)
