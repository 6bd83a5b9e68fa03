from __future__ import annotations

import cv2
import numpy as np
import pytest
import yaml

from anyseg_core.data import open_dataset
from anyseg_core.errors import ConfigurationError
from anyseg_core.recording import DatasetPlan, dataset, missing_frames, write_dataset
from anyseg_core.recording.channels import Observer
from anyseg_core.recording.encoding import ENCODINGS
from anyseg_core.recording.tree import frame_path
from anyseg_core.types import MODALITIES


def files_of(root):
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def written(small_plan, tmp_path_factory):
    root = tmp_path_factory.mktemp("sets") / "street"
    assert sum(write_dataset(root, small_plan, workers=2)) == 3
    return root


def test_a_set_has_deliver_s_folders_and_one_file_of_each_kind_for_each_frame(written, small_plan):
    sequence = next(small_plan.sequences())
    expected = {
        frame_path(written, what, sequence, index)
        for what in (*MODALITIES, "labels")
        for index in range(2)
    }
    assert all(path.is_file() for path in expected)
    assert len(files_of(written)) == 3 * 5 + 1
    path = frame_path(written, "rgb", sequence, 1).relative_to(written)
    assert str(path) == f"img/cloud/train/MAP_{sequence.street_seed}_point1/000001_rgb_front.png"
    assert missing_frames(written, small_plan) == 0


def test_the_loader_reads_what_the_network_would_be_fed_in_the_node(written, small_plan):
    sequence = next(small_plan.sequences())
    frame = Observer(sequence, 48, 32).frame(sequence.instants_ns()[1])
    sample = open_dataset(written, "train")[1]
    assert np.array_equal(sample.labels, frame.labels)
    assert sample.condition == sequence.condition
    for name in MODALITIES:
        step = np.reshape(np.broadcast_to(ENCODINGS[name].scale, 3), (3, 1, 1))
        assert np.all(np.abs(sample.channels[name] - frame.channels[name]) <= 0.5 * step + 1e-5)
        assert frame.channels[name].any()


def test_a_run_that_was_ended_is_continued_to_the_same_bytes(
    written, small_plan, tmp_path, monkeypatch
):
    root = tmp_path / "street"
    calls = []

    def end_in_the_second(path, data):
        calls.append(path)
        if len(calls) == 8:  # in the middle of the second frame
            raise KeyboardInterrupt
        return whole(path, data)

    whole = dataset.write_frame.__globals__["write_whole"]
    monkeypatch.setitem(dataset.write_frame.__globals__, "write_whole", end_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        list(write_dataset(root, small_plan))
    monkeypatch.undo()
    calls[-1].with_name(f".{calls[-1].name}.part").write_bytes(b"half a file")
    assert missing_frames(root, small_plan) == 2
    assert sum(write_dataset(root, small_plan)) == 2
    assert files_of(root) == files_of(written)


def test_a_finished_set_is_left_alone(written, small_plan):
    before = files_of(written)
    assert list(write_dataset(written, small_plan)) == []
    assert files_of(written) == before


def test_another_plan_is_refused_in_the_same_folder(written):
    with pytest.raises(ConfigurationError, match="another data set"):
        list(write_dataset(written, DatasetPlan(8, {"train": 2}, 48, 32)))


def test_a_folder_that_holds_something_else_is_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ConfigurationError, match="not empty"):
        list(write_dataset(tmp_path, DatasetPlan(8, {"train": 2}, 48, 32)))


def test_the_description_says_that_the_set_is_synthetic_and_how_streets_are_kept_apart(written):
    description = yaml.safe_load((written / "dataset.yaml").read_text())
    assert description["synthetic"] is True
    assert description["frames"] == {"train": 2, "val": 0, "test": 1}
    assert "no street is in two splits" in description["generator"]["street_seeds"]
    assert "dusk" in description["generator"]["conditions"]["test"]
    assert "dusk" not in description["generator"]["conditions"]["train"]


@pytest.mark.usefixtures("ray_caster")
def test_a_failure_case_befalls_its_sensor_alone():
    plan = DatasetPlan(7, {"train": 300}, 48, 32)
    failing = next(s for s in plan.sequences() if s.failure == "underexposure")
    sound = type(failing)(
        **{name: getattr(failing, name) for name in failing.__slots__} | {"failure": ""}
    )
    t_ns = failing.instants_ns()[0]
    bad, good = (Observer(sequence, 48, 32).frame(t_ns) for sequence in (failing, sound))
    differs = {n for n in MODALITIES if not np.array_equal(bad.channels[n], good.channels[n])}
    assert differs == {"rgb"}
    assert bad.channels["rgb"].mean() < 0.7 * good.channels["rgb"].mean()


def test_depth_is_stored_in_whole_millimetres(written, small_plan):
    sequence = next(small_plan.sequences())
    stored = cv2.imread(str(frame_path(written, "depth", sequence, 0)), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    assert stored.shape == (32, 48)
