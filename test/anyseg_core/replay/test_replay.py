"""A bag through the pipeline: the same every time, and figures that can be checked by hand."""

import dataclasses
import hashlib

import cv2
import numpy as np
import pytest

from anyseg_core.config import PipelineConfig
from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.geometry import Calibration, Camera, save_calibration
from anyseg_core.metrics import ConfusionMatrix
from anyseg_core.pipeline import Pipeline
from anyseg_core.replay import (
    Bag,
    ReplaySettings,
    fault_case,
    find_topics,
    job,
    nominal_case,
    run_job,
    subset_cases,
)
from anyseg_core.replay.job import BagExtrinsics
from anyseg_core.replay.run import replay
from anyseg_core.replay.source import BagSource
from anyseg_core.replay.summary import case_figures
from anyseg_core.replay.timeline import fault_figures, miou
from anyseg_core.runtime import load_segmenter
from anyseg_core.simulation.faults import parse_fault
from anyseg_core.types import MODALITIES

CLASSES = 25
EPOCH_NS = 1_700_000_000_000_000_000


@pytest.fixture(scope="module")
def settings(bag, checkpoint):
    return ReplaySettings(
        bag=bag,
        checkpoint=str(checkpoint),
        backend="torch",
        config=PipelineConfig(input_width=64, input_height=64),
    )


@pytest.fixture(scope="module")
def cases():
    faults = [parse_fault("rgb:black@1.0-2.0")]
    return (nominal_case(MODALITIES), fault_case(MODALITIES, faults))


@pytest.fixture(scope="module")
def result(settings, cases):
    return run_job(settings, cases)


def test_two_replays_give_the_same_masks_bit_for_bit(settings, cases, result):
    again = run_job(settings, cases)
    first, second = ([one.masks_sha256 for one in job.results] for job in (result, again))
    assert first == second
    assert first[0] != first[1]


def test_a_ros_1_bag_gives_the_same_masks(settings, cases, result, tmp_path):
    rosbag1 = pytest.importorskip("rosbags.rosbag1")
    typesys = pytest.importorskip("rosbags.typesys")
    ros1, ros2 = (
        typesys.get_typestore(store)
        for store in (typesys.Stores.ROS1_NOETIC, typesys.Stores.ROS2_JAZZY)
    )
    for store in (ros1, ros2):  # neither knows all types that the bag brings with it
        transforms = "geometry_msgs/TransformStamped[] transforms"
        store.register(typesys.get_types_from_msg(transforms, "tf2_msgs/msg/TFMessage"))
    old = tmp_path / "old.bag"
    with Bag(settings.bag) as opened, rosbag1.Writer(old) as writer:
        connections = {
            topic: writer.add_connection(topic, kind, typestore=ros1)
            for topic, kind in opened.topics.items()
        }
        for one in opened.messages(opened.topics):
            data = ros2.cdr_to_ros1(opened.as_sent(one), one.message_type)
            writer.write(connections[one.topic], one.log_ns, bytes(data))
    found = run_job(dataclasses.replace(settings, bag=old), cases[:1]).results[0]
    assert found.masks_sha256 == result.results[0].masks_sha256


def test_a_case_alone_gives_what_it_gives_among_others(settings, cases, result):
    alone = run_job(settings, (cases[1],)).results[0]
    assert alone.masks_sha256 == result.results[1].masks_sha256


def test_the_masks_are_the_pipelines_own(settings, drive, result):
    """The oracle: the same records pushed into a pipeline by hand."""
    rig, readings = drive
    with Bag(settings.bag) as opened:
        source = BagSource(opened, find_topics(opened, {}))
        extrinsics = BagExtrinsics(source.transforms())
    segmenter = load_segmenter(settings.checkpoint, "torch")
    pipeline = Pipeline(settings.config, segmenter, extrinsics, {})
    pipeline.set_camera(Camera(rig.width, rig.height, rig.camera_matrix), "camera_optical")
    masks = []
    for reading in readings:
        if reading.sensor != "truth":
            masks += pipeline.poll(reading.t_ns)
            masks += pipeline.push(reading.sensor, reading.content, reading.t_ns)
    masks += pipeline.flush()
    digest = hashlib.sha256()
    for mask in masks:
        digest.update((EPOCH_NS + mask.stamp_ns).to_bytes(8, "little", signed=True))
        digest.update(mask.labels.tobytes())
    assert result.results[0].masks_sha256 == digest.hexdigest()


def test_a_fault_is_noticed_and_its_end_too(result, cases):
    [fault] = cases[1].faults
    figures = fault_figures(result.results[1].rows, fault, CLASSES)
    assert 0 <= figures.detection_delay_ns <= 500_000_000
    assert 0 <= figures.recovery_ns <= 700_000_000
    during = [row for row in result.results[1].rows if 1.5e9 <= row.t_ns < 2e9]
    assert {row.letters for row in during} == {"DEL"}


def test_the_reported_delay_is_that_of_the_first_mask_without_the_sensor(result, cases):
    [fault] = cases[1].faults
    rows = result.results[1].rows
    first = next(
        row.t_ns
        for row in rows
        if row.t_ns >= fault.start_ns and (row.sensors["rgb"].suspected or "R" not in row.letters)
    )
    assert fault_figures(rows, fault, CLASSES).detection_delay_ns == first - fault.start_ns


def test_latency_counts_from_the_stamp_to_the_complete_set(result):
    start_ns = EPOCH_NS + 1
    rows = result.results[0].rows
    by_hand = sorted((start_ns + row.t_ns - row.stamp_ns) / 1e6 for row in rows)
    figures = case_figures(result.results[0], CLASSES, 30)
    assert figures["latency_ms"]["p50"] == pytest.approx(np.median(by_hand))
    assert 5.0 <= figures["latency_ms"]["p50"] <= figures["latency_ms"]["p95"] <= by_hand[-1]
    assert result.network_calls >= 30


def test_scores_are_those_of_the_masks_against_the_true_ones(settings, cases, drive, tmp_path):
    written = dataclasses.replace(settings, output=tmp_path, masks="png")
    rows = run_job(written, cases[:1]).results[0].rows
    truth = {EPOCH_NS + t: labels for t, labels in
             (one.content for one in drive[1] if one.sensor == "truth")}  # fmt: skip
    matrix, scored = ConfusionMatrix(CLASSES), 0
    for row in rows:
        nearest = min(truth, key=lambda stamp: abs(stamp - row.stamp_ns))
        if abs(nearest - row.stamp_ns) <= settings.truth_tolerance_ns:
            mask = cv2.imread(str(tmp_path / "masks/nominal" / f"{row.stamp_ns}.png"), -1)
            matrix.update(truth[nearest], mask)
            scored += 1
    assert scored >= 29
    assert sum(row.matrix is not None for row in rows) == scored
    assert miou(rows, CLASSES) == pytest.approx(matrix.scores().miou_present)


def test_true_masks_of_a_folder_count_in_place_of_the_bag_s(settings, cases, tmp_path):
    run_job(dataclasses.replace(settings, output=tmp_path, masks="png"), cases[:1])
    own = dataclasses.replace(settings, truth=tmp_path / "masks/nominal")
    assert miou(run_job(own, cases[:1]).results[0].rows, CLASSES) == 1.0


def test_masks_in_a_bag_are_those_of_the_pictures(settings, cases, tmp_path):
    for masks in ("png", "bag"):
        written = dataclasses.replace(settings, output=tmp_path / masks, masks=masks)
        run_job(written, cases[:1])
    pictures = {int(path.stem): cv2.imread(str(path), -1) for path in
                (tmp_path / "png/masks/nominal").glob("*.png")}  # fmt: skip
    with Bag(tmp_path / "bag/masks/nominal") as bag:
        messages = [one.message for one in bag.messages(bag.topics)]
    assert len(messages) == len(pictures) > 25
    for message in messages:
        stamp_ns = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
        mask = message.data.reshape(message.height, message.width)
        assert np.array_equal(mask, pictures[stamp_ns])


def test_missing_sensors_are_left_out_and_the_masks_go_on(settings):
    subsets = subset_cases(MODALITIES, "L,DE")
    for result, letters in zip(run_job(settings, tuple(subsets)).results, ("L", "DE"), strict=True):
        assert {row.letters for row in result.rows} - {"-"} <= set(letters) | {letters}
        assert sum(row.letters == letters for row in result.rows) >= 20


def test_agreement_with_the_run_without_faults_is_whole_until_the_fault(result):
    agreement = result.results[1].agreement
    assert agreement[:9] == [1.0] * 9
    assert min(agreement) < 1.0


def test_agreement_is_of_every_instant_that_both_have_a_mask_of(settings):
    """Without the LiDAR a mask may come before the nominal one of its stamp."""
    subset = subset_cases(MODALITIES, "RDE")
    nominal, other = run_job(settings, (nominal_case(MODALITIES), *subset)).results
    stamps = [{row.stamp_ns for row in one.rows} for one in (nominal, other)]
    assert len(other.agreement) == len(stamps[0] & stamps[1]) >= 29


def test_a_missing_transform_leaves_the_lidar_out_and_says_so(make_bag, settings, cases):
    bare = dataclasses.replace(settings, bag=make_bag(transforms=False))
    rows = run_job(bare, cases[:1]).results[0].rows
    assert "RDE" in {row.letters for row in rows}
    assert not any("L" in row.letters for row in rows)
    reasons = {row.sensors["lidar"].reason for row in rows}
    assert any("--calibration FILE" in reason for reason in reasons)


def test_transforms_of_the_bag_are_those_of_the_rig(bag, drive):
    with Bag(bag) as opened:
        extrinsics = BagExtrinsics(BagSource(opened, find_topics(opened, {})).transforms())
    found = extrinsics.camera_from_sensor("lidar", "camera_optical", "lidar")
    assert found == pytest.approx(drive[0].camera_from_lidar, abs=1e-6)


def test_stamps_of_another_clock_end_in_one_sentence(make_bag, settings, cases):
    shifted = dataclasses.replace(settings, bag=make_bag(shift_ns=-3_600_000_000_000))
    with pytest.raises(RecordError, match="in the past") as caught:
        run_job(shifted, cases[:1])
    assert "\n" not in str(caught.value)


def test_a_gap_in_the_recording_costs_the_gap_alone_and_is_told(make_bag, settings, cases):
    gapped = make_bag(keep=lambda one: not 1.0e9 < one.t_ns < 2.0e9)
    job = run_job(dataclasses.replace(settings, bag=gapped), cases[:1])
    rows = job.results[0].rows
    [told] = job.problems
    assert told.startswith("nothing was recorded for 1.0 s, from 1.0 s on")
    assert not [row for row in rows if 1.2e9 < row.t_ns < 1.95e9]
    assert rows[-1].letters == "RDEL"


def test_one_sensor_on_another_clock_is_left_out_and_told_with_the_difference(
    make_bag, settings, cases
):
    mixed = make_bag(shift_of={"lidar": -3_600_000_000_000})
    job = run_job(dataclasses.replace(settings, bag=mixed), cases[:1])
    assert job.results[0].rows[-1].letters == "RDE"
    clock, refused = job.problems
    assert clock == "the stamps of /lidar/points lie 3600.0 s behind the recorder's clock"
    assert refused.startswith("30 messages of lidar were of no use")


def test_a_mask_has_the_cameras_size_before_the_first_image_too(settings, cases):
    """Events and sweeps come before it; the camera's info is in the bag."""
    small = dataclasses.replace(settings, config=PipelineConfig(input_width=32, input_height=32))
    rows = run_job(small, cases[:1]).results[0].rows
    assert sum(row.matrix is not None for row in rows) >= 29


def test_the_camera_of_a_calibration_file_serves_a_bag_without_camera_info(
    make_bag, drive, settings, cases, tmp_path
):
    rig = drive[0]
    camera = Camera(rig.width, rig.height, rig.camera_matrix)
    calibration = Calibration(
        {"rgb": camera}, {("camera_optical", "lidar"): rig.camera_from_lidar},
        {"rgb": "camera_optical"},
    )  # fmt: skip
    save_calibration(calibration, tmp_path / "rig.yaml")
    bare = dataclasses.replace(
        settings, bag=make_bag(transforms=False, camera_info=False),
        calibration=tmp_path / "rig.yaml",
    )  # fmt: skip
    assert run_job(bare, cases[:1]).results[0].rows[-1].letters == "RDEL"


def test_truth_of_another_size_is_refused(settings, cases, tmp_path):
    stamp = EPOCH_NS + 1_000_000_000
    cv2.imwrite(str(tmp_path / f"{stamp}.png"), np.zeros((8, 8), np.uint8))
    with pytest.raises(ConfigurationError, match="8 x 8"):
        run_job(dataclasses.replace(settings, truth=tmp_path), cases[:1])
    with pytest.raises(ConfigurationError, match="folder with"):
        run_job(dataclasses.replace(settings, truth=tmp_path / "none"), cases[:1])


def test_the_loops_are_compiled_before_the_pass_is_timed(settings, cases, monkeypatch):
    done = []
    monkeypatch.setattr(job, "warm_up", lambda: done.append("compiled"))
    monkeypatch.setattr(job, "replay", lambda *given: done.append("timed") or replay(*given))
    run_job(settings, cases[:1])
    assert done == ["compiled", "timed"]
