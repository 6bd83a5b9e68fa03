"""The whole line without ROS: a small untrained network on generated readings."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from anyseg_core.config import PipelineConfig, default_sensors
from anyseg_core.errors import CalibrationError, ConfigurationError, RecordError
from anyseg_core.geometry import Calibration, Camera
from anyseg_core.pipeline import Pipeline
from anyseg_core.projection.projector import CalibrationExtrinsics
from anyseg_core.runtime import load_segmenter
from anyseg_core.segmentation import subset_letters
from anyseg_core.types import (
    MODALITIES,
    DepthRecord,
    EventArray,
    EventRecord,
    LidarRecord,
    RgbRecord,
)

WIDTH, HEIGHT = 80, 60
FRAME = "camera_optical"
PERIOD_NS = 100_000_000
START_NS = 1_000_000_000_000
CAMERA = Camera(WIDTH, HEIGHT, ((60, 0, 39.5), (0, 60, 29.5), (0, 0, 1)))
CAMERA_FROM_LIDAR = np.array([[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])
CALIBRATION = Calibration({"rgb": CAMERA}, {(FRAME, "lidar"): CAMERA_FROM_LIDAR}, {"rgb": FRAME})
SUBSETS = [set(c) for n in range(1, 5) for c in combinations(MODALITIES, n)]


@pytest.fixture(scope="module")
def segmenter():
    return load_segmenter()


def make_pipeline(segmenter, calibration=CALIBRATION, **changes):
    config = PipelineConfig(input_width=64, input_height=64, **changes)
    pipeline = Pipeline(config, segmenter, CalibrationExtrinsics(calibration), calibration.cameras)
    if "rgb" in calibration.cameras:
        pipeline.set_camera(calibration.camera("rgb"), FRAME)
    return pipeline


def rgb(stamp_ns, *, size=(HEIGHT, WIDTH), black=False):
    rng = np.random.default_rng(stamp_ns)
    image = rng.integers(0, 2 if black else 256, (*size, 3), dtype=np.uint8)
    return RgbRecord(stamp_ns, FRAME, image)


def depth(stamp_ns, frame=FRAME):
    rng = np.random.default_rng(stamp_ns + 1)
    return DepthRecord(
        stamp_ns, frame, rng.integers(500, 9000, (HEIGHT, WIDTH), dtype=np.uint16), 0.001
    )


def event(stamp_ns, frame=FRAME):
    rng = np.random.default_rng(stamp_ns + 2)
    events = EventArray(
        rng.integers(0, WIDTH, 200, dtype=np.uint16),
        rng.integers(0, HEIGHT, 200, dtype=np.uint16),
        stamp_ns + np.arange(200) * 1000,
        rng.integers(0, 2, 200, dtype=np.uint8),
    )
    return EventRecord(stamp_ns, frame, events, WIDTH, HEIGHT)


def lidar(stamp_ns):
    rng = np.random.default_rng(stamp_ns + 3)
    ranges, bearings = rng.uniform(3, 20, 300), rng.uniform(-0.5, 0.5, 300)
    points = np.stack([ranges, ranges * bearings, rng.uniform(-1, 1, 300), rng.random(300)], 1)
    return LidarRecord(stamp_ns, "lidar", points.astype(np.float32))


MAKERS = {"rgb": rgb, "depth": depth, "event": event, "lidar": lidar}


def run(pipeline, alive, ticks=8, makers=MAKERS):
    """Push ``alive`` at 10 Hz, then flush; return every segmentation."""
    results = []
    for tick in range(ticks):
        now_ns = START_NS + tick * PERIOD_NS
        for name in MODALITIES:
            if name in alive:
                results += pipeline.push(name, makers[name](now_ns), now_ns)
        results += pipeline.poll(now_ns + 99_000_000)
    return results + pipeline.flush()


@pytest.mark.parametrize("alive", SUBSETS, ids=subset_letters)
def test_every_subset_gives_masks_from_exactly_the_sensors_that_are_there(segmenter, alive):
    results = run(make_pipeline(segmenter), alive)
    assert len(results) >= 7
    last = results[-2]
    assert set(last.used) == alive
    assert set(last.weights) == alive
    assert last.labels.shape == last.confidence.shape == (HEIGHT, WIDTH)
    assert last.labels.max() < 25
    assert last.frame_id == FRAME
    for report in last.sensors:
        assert (report.reason == "never_seen") == (report.sensor not in alive)


def test_the_same_readings_give_the_same_bytes(segmenter):
    first, second = (run(make_pipeline(segmenter), MODALITIES) for _ in range(2))
    assert [r.stamp_ns for r in first] == [r.stamp_ns for r in second]
    for one, other in zip(first, second, strict=True):
        assert one.labels.tobytes() == other.labels.tobytes()
        assert one.confidence.tobytes() == other.confidence.tobytes()
        assert one.weights == other.weights


def test_a_black_camera_is_left_out_and_taken_back(segmenter):
    pipeline = make_pipeline(segmenter)
    dark = range(START_NS + 5 * PERIOD_NS, START_NS + 12 * PERIOD_NS)
    makers = MAKERS | {"rgb": lambda stamp_ns: rgb(stamp_ns, black=stamp_ns in dark)}
    used = {r.stamp_ns: r.used for r in run(pipeline, MODALITIES, 25, makers)}
    assert "rgb" in used[START_NS + 4 * PERIOD_NS]
    assert "rgb" not in used[START_NS + 8 * PERIOD_NS]
    assert "rgb" in used[START_NS + 20 * PERIOD_NS]


def test_a_sensor_excluded_by_hand_is_called_so_whether_it_speaks_or_not(segmenter):
    pipeline = make_pipeline(segmenter)
    for name in ("depth", "lidar"):
        pipeline.exclude(name, excluded=True)
    reports = {one.sensor: one for one in run(pipeline, {"rgb", "depth"})[-2].sensors}
    assert reports["depth"].reason == reports["lidar"].reason == "excluded by hand"
    assert reports["rgb"].used


def test_with_no_sensor_to_trust_every_pixel_is_unlabelled(segmenter):
    makers = MAKERS | {"rgb": lambda stamp_ns: rgb(stamp_ns, black=True)}
    last = run(make_pipeline(segmenter), {"rgb"}, makers=makers)[-1]
    assert last.used == ()
    assert (last.labels == 255).all()
    assert not last.confidence.any()
    assert "black" in last.sensors[0].reason


def test_a_sensor_without_a_known_place_is_left_out_with_what_to_do(segmenter):
    nowhere = Calibration({"rgb": CAMERA}, {}, {"rgb": FRAME})
    last = run(make_pipeline(segmenter, nowhere), {"rgb", "lidar"})[-1]
    assert last.used == ("rgb",)
    report = next(r for r in last.sensors if r.sensor == "lidar")
    assert isinstance(report.error, CalibrationError)
    assert "lidar" in report.reason


def test_depth_of_another_frame_is_not_taken_for_aligned(segmenter):
    makers = MAKERS | {"depth": lambda stamp_ns: depth(stamp_ns, "depth_optical")}
    last = run(make_pipeline(segmenter), {"rgb", "depth"}, makers=makers)[-1]
    assert last.used == ("rgb",)
    sensors = default_sensors()
    sensors["depth"] = replace(sensors["depth"], aligned=True)
    last = run(make_pipeline(segmenter, sensors=sensors), {"rgb", "depth"}, makers=makers)[-1]
    assert last.used == ("rgb", "depth")


def test_without_camera_info_the_lidar_waits_and_rgb_goes_on(segmenter):
    last = run(make_pipeline(segmenter, Calibration()), {"rgb", "lidar"})[-1]
    assert last.used == ("rgb",)
    assert "camera info" in next(r for r in last.sensors if r.sensor == "lidar").reason


def test_a_camera_of_another_size_than_the_images_is_refused(segmenter):
    pipeline = make_pipeline(segmenter)
    run(pipeline, {"rgb"}, 2)
    with pytest.raises(CalibrationError, match="40 x 30"):
        pipeline.set_camera(CAMERA.scaled(40, 30), FRAME)


def test_a_camera_is_given_up_when_the_images_change_size_until_the_new_one_comes(segmenter):
    pipeline = make_pipeline(segmenter)
    makers = MAKERS | {"rgb": lambda stamp_ns: rgb(stamp_ns, size=(30, 40))}
    last = run(pipeline, {"rgb", "lidar"}, makers=makers)[-1]
    assert last.labels.shape == (30, 40)
    assert last.used == ("rgb",)
    pipeline.set_camera(CAMERA.scaled(40, 30), FRAME)
    now_ns = START_NS + 8 * PERIOD_NS
    results = pipeline.push("lidar", lidar(now_ns), now_ns)
    results += pipeline.push("rgb", rgb(now_ns, size=(30, 40)), now_ns) + pipeline.flush()
    assert results[-1].used == ("rgb", "lidar")


@pytest.mark.parametrize(("lead_s", "where"), [(-60, "past"), (60, "future")])
def test_a_stamp_of_another_clock_is_refused_and_harms_nothing(segmenter, lead_s, where):
    pipeline = make_pipeline(segmenter)
    run(pipeline, {"rgb"}, 3)
    now_ns = START_NS + 3 * PERIOD_NS
    with pytest.raises(RecordError, match=where):
        pipeline.push("rgb", rgb(now_ns + lead_s * 10**9), now_ns)
    after = [now_ns + tick * PERIOD_NS for tick in range(1, 6)]
    results = [r for at in after for r in pipeline.push("rgb", rgb(at), at) + pipeline.poll(at)]
    assert results[-1].stamp_ns >= after[-2]


def test_events_after_the_instant_are_left_for_the_next_frame(segmenter):
    pipeline = make_pipeline(segmenter)
    now_ns = START_NS
    late = event(now_ns)
    late.events.t_ns[:] = now_ns + 50_000_000
    early = event(now_ns - 10_000_000)
    tensors = [
        pipeline._projector.project("event", [early, *more], now_ns) for more in ([], [late])
    ]
    assert np.array_equal(*tensors)


def test_the_window_of_events_ends_at_the_instant_on_the_sensors_own_clock(segmenter):
    """A sensor whose clock is 40 ms ahead, and says so, gives the image of one that is not."""
    ahead_ns = 40_000_000

    def early(stamp_ns):
        record = event(stamp_ns)
        events = replace(record.events, t_ns=record.events.t_ns + ahead_ns)
        return replace(record, stamp_ns=stamp_ns + ahead_ns, events=events)

    config = default_sensors()
    config["event"] = replace(config["event"], offset_ns=-ahead_ns)
    plain = run(make_pipeline(segmenter), {"rgb", "event"})
    shifted = run(
        make_pipeline(segmenter, sensors=config), {"rgb", "event"}, makers=MAKERS | {"event": early}
    )
    assert shifted[-2].used == ("rgb", "event")
    assert np.array_equal(shifted[-2].confidence, plain[-2].confidence)


def test_a_class_for_every_point_follows_the_mask(segmenter):
    pipeline = make_pipeline(segmenter)
    result = run(pipeline, {"rgb", "lidar"})[-2]
    result.labels[:, : WIDTH // 2] = 3
    result.labels[:, WIDTH // 2 :] = 7
    sweep, labels = pipeline.label_points(result)
    left = sweep.points[:, 1] > 0.1  # REP 103: y points left
    right = sweep.points[:, 1] < -0.1
    assert set(labels[left]) <= {3, 255}
    assert set(labels[right]) <= {7, 255}
    assert (labels != 255).mean() > 0.3


def test_the_pipeline_says_whether_a_frame_waits(segmenter):
    pipeline = make_pipeline(segmenter)
    assert not pipeline.is_waiting
    run(pipeline, {"rgb", "lidar"}, 4)
    now_ns = START_NS + 4 * PERIOD_NS
    assert not pipeline.is_waiting
    assert pipeline.push("rgb", rgb(now_ns), now_ns) == []  # the sweep may still come
    assert pipeline.is_waiting
    assert len(pipeline.poll(now_ns + 60_000_000)) == 1
    assert not pipeline.is_waiting


def test_letters_follow_the_papers_order():
    assert subset_letters(("lidar", "event", "rgb", "depth")) == "RDEL"
    assert subset_letters(("lidar", "rgb")) == "RL"
    assert subset_letters(()) == "-"


@pytest.mark.parametrize(
    "changes", [{"input_width": 8}, {"input_height": 10**6}, {"min_range_m": -1.0}, {"sensors": {}}]
)
def test_a_configuration_out_of_range_is_refused(changes):
    with pytest.raises(ConfigurationError):
        PipelineConfig(**changes)
