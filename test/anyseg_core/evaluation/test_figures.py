"""Every table comes from one pass over the data, and agrees with torchmetrics on the pixels."""

import json
import math

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_jaccard_index

from anyseg_core.errors import ConfigurationError
from anyseg_core.evaluation import all_subsets, evaluate, figures, subset_name
from anyseg_core.evaluation.class_map import map_classes
from anyseg_core.metrics import Calibration
from anyseg_core.types import MODALITIES

NAMES = [subset_name(subset, MODALITIES) for subset in all_subsets(MODALITIES)]


def run(plan, predictor, protocol="miss"):
    done = []
    outcome = evaluate(plan, predictor, done.append)
    assert sum(done) == len(plan.indices)
    return figures(plan, outcome.tally, protocol), outcome


def oracle(dataset, predictor, subset, keep):
    """IoU of each class in percent over all pixels of the samples to keep."""
    truth, found = [], []
    for sample in dataset.samples:
        if keep(sample):
            answer = next(iter(predictor.predict(sample.channels, [subset])))
            truth.append(sample.labels.ravel())
            found.append(answer.labels.ravel())
    given = [torch.from_numpy(np.concatenate(each)).long() for each in (found, truth)]
    iou = multiclass_jaccard_index(*given, num_classes=4, ignore_index=255, average="none")
    return 100 * iou.numpy()


@pytest.mark.parametrize("subset", [("rgb",), ("depth", "lidar"), MODALITIES])
def test_each_subset_condition_and_failure_case_agrees_with_torchmetrics(plan, erring, subset):
    planned = plan()
    found, _ = run(planned, erring())
    block = found["subsets"][subset_name(subset, MODALITIES)]
    whole = oracle(planned.dataset, erring(), subset, lambda _: True)
    assert block["miou"] == pytest.approx(whole.mean(), rel=1e-5)
    present = block["miou_present"]
    assert present == pytest.approx(whole[:3].mean(), rel=1e-5)
    for i, name in enumerate(("road", "car", "sky")):
        assert block["classes"][name]["iou"] == pytest.approx(whole[i], rel=1e-5)
    assert block["classes"]["tree"] == {"iou": None, "f1": None, "accuracy": None, "pixels": 0}
    assert list(block["conditions"]) == ["cloud", "night", "sun"]
    for name, column in block["conditions"].items():
        wanted = oracle(planned.dataset, erring(), subset, lambda s, n=name: s.condition == n)
        assert column["miou"] == pytest.approx(wanted.mean(), rel=1e-5)
    assert list(block["failures"]) == ["motionblur", "lidarjitter"]  # the papers' order
    for name, column in block["failures"].items():
        wanted = oracle(planned.dataset, erring(), subset, lambda s, n=name: s.failure == n)
        assert column["miou"] == pytest.approx(wanted.mean(), rel=1e-5)


def test_all_subsets_stand_there_and_the_full_set_at_the_top(plan, erring):
    found, _ = run(plan(), erring())
    assert list(found["subsets"]) == NAMES
    full = found["subsets"]["RDEL"]
    assert {key: found[key] for key in full} == full
    assert full["miou_present"] == 100.0  # all sensors: no error
    assert full["miou"] == 75.0  # and one of four classes is absent
    assert full["accuracy"] == 100.0
    json.dumps(found, allow_nan=False)


def test_mean_best_and_worst_are_those_of_the_subsets(plan, erring):
    found, _ = run(plan(), erring())
    for ending, key in (("", "miou"), ("_present", "miou_present")):
        values = {name: block[key] for name, block in found["subsets"].items()}
        assert found[f"mean{ending}"] == pytest.approx(math.fsum(values.values()) / 15)
        assert found[f"top1{ending}"] == max(values.values()) == values[found[f"top1{ending}_of"]]
        assert found[f"last1{ending}"] == min(values.values()) == values[found[f"last1{ending}_of"]]
    assert "L" not in found["last1_of"]


def test_the_sensor_protocol_averages_conditions_and_failure_cases(plan, erring):
    planned = plan(subsets=(("rgb", "depth"),))
    found, _ = run(planned, erring(), "sensor")
    columns = {**found["conditions"], **found["failures"]}
    assert set(columns) == {"cloud", "night", "sun", "motionblur", "lidarjitter"}
    assert found["mean"] == pytest.approx(sum(c["miou"] for c in columns.values()) / 5)
    assert found["last1"] == min(c["miou"] for c in columns.values())


def test_data_without_conditions_are_no_data_for_the_sensor_protocol(plan, erring, memory):
    dataset = memory()
    for sample in dataset.samples:
        object.__setattr__(sample, "condition", "")
        object.__setattr__(sample, "failure", "")
    with pytest.raises(ConfigurationError, match="no conditions"):
        run(plan(dataset=dataset), erring(), "sensor")


def test_calibration_is_that_of_all_labelled_pixels(plan, erring):
    planned = plan(subsets=(("rgb",),))
    found, _ = run(planned, erring())
    calibration = Calibration()
    for sample in planned.dataset.samples:
        answer = next(erring().predict(sample.channels, [("rgb",)]))
        right = answer.labels == sample.labels
        calibration.update(answer.confidence, right, sample.labels != 255)
    assert found["calibration_error"] == pytest.approx(100 * calibration.reliability().error)
    share = found["accuracy"]
    assert found["calibration_error"] == pytest.approx(abs(share - 100 * 130 / 255))
    reliability = found["reliability"]
    assert len(reliability["edges"]) == len(reliability["pixels"]) + 1 == 16
    assert sum(reliability["pixels"]) == found["pixels"]


def test_samples_keep_their_place_name_and_score(plan, erring):
    planned = plan(indices=(3, 0))
    _, outcome = run(planned, erring())
    assert [one.index for one in outcome.samples] == [3, 0]
    assert outcome.samples[1].name == "cloud/test/000000"
    assert all(one.iou[-1] == 1.0 for one in outcome.samples)
    wanted = oracle(
        planned.dataset, erring(), ("rgb",), lambda s: s.name == planned.dataset[3].name
    )
    assert 100 * outcome.samples[0].iou[0] == pytest.approx(wanted[:3].mean(), rel=1e-5)


def test_images_of_another_size_go_resized_to_the_network_and_back(plan, erring):
    predictor = erring(input_size=(64, 64))
    found, _ = run(plan(subsets=(MODALITIES,)), predictor)
    assert predictor.seen[0] == (MODALITIES, (3, 64, 64))  # 12 x 16 at about 64 x 64 pixels
    assert found["pixels"] == sum(int((s.labels != 255).sum()) for s in plan().dataset.samples)
    through = (("depth", "lidar"),)  # errs in the first row
    native, _ = run(plan(subsets=through, size="native"), erring())
    doubled, _ = run(plan(subsets=through, size=(24, 32)), erring())
    assert native["miou_present"] < 100.0
    assert doubled["miou_present"] == 100.0  # the first of 24 rows is none of the 12 taken back


def test_labels_may_be_brought_to_the_size_of_the_network_instead(plan, erring):
    found, _ = run(plan(subsets=(("depth",),), size=(24, 32), score_at="network"), erring())
    usual, _ = run(plan(subsets=(("depth",),), size=(24, 32)), erring())
    assert found["pixels"] == 4 * usual["pixels"]


def test_classes_that_are_left_out_are_not_scored(plan, erring, memory):
    data = memory().classes
    classes = map_classes({"road": ("road",), "car": ("car", "tree")}, data, data)
    planned = plan(classes=classes)
    found, _ = run(planned, erring())
    assert list(found["classes"]) == ["road", "car"]
    road_or_car = sum(int((s.labels < 2).sum()) for s in planned.dataset.samples)
    assert found["pixels"] == road_or_car
    assert found["miou"] == 100.0
