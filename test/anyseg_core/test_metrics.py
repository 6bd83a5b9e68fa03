"""Scores against torchmetrics and against slow, obvious loops."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_f1_score,
    multiclass_jaccard_index,
)
from torchmetrics.functional.classification.calibration_error import binary_calibration_error

from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.metrics import Calibration, ConfusionMatrix

CLASSES = 6


def pair_of_labels(seed, absent=()):
    """Truth with ignored pixels and a prediction that is right on half of them."""
    rng = np.random.default_rng(seed)
    names = np.array([i for i in range(CLASSES) if i not in absent], np.uint8)
    truth = rng.choice(names, (20, 30))
    predicted = np.where(rng.random(truth.shape) < 0.5, truth, rng.choice(names, truth.shape))
    truth[rng.random(truth.shape) < 0.1] = 255
    return truth, predicted


def counted(truth, predicted, classes=CLASSES):
    matrix = ConfusionMatrix(classes)
    matrix.update(truth, predicted)
    return matrix


def slow_scores(truth, predicted, classes):
    """IoU, F1 and recall of each class by sets of pixels; None where there is no such thing."""
    pairs = [(t, p) for t, p in zip(truth.ravel(), predicted.ravel(), strict=True) if t != 255]
    rows = []
    for k in range(classes):
        true = {i for i, (t, _) in enumerate(pairs) if t == k}
        found = {i for i, (_, p) in enumerate(pairs) if p == k}
        rows.append(
            (
                len(true & found) / len(true | found) if true | found else None,
                2 * len(true & found) / (len(true) + len(found)) if true | found else None,
                len(true & found) / len(true) if true else None,
            )
        )
    return rows


label = st.sampled_from([0, 1, 2, 3, 255])


@given(
    truth=arrays(np.uint8, (3, 5), elements=label),
    predicted=arrays(np.uint8, (3, 5), elements=label),
)
@settings(max_examples=60, deadline=None)
def test_scores_equal_those_of_a_slow_count_by_sets_of_pixels(truth, predicted):
    scores = counted(truth, predicted, 4).scores()
    rows = slow_scores(truth, predicted, 4)
    for values, column in ((scores.iou, 0), (scores.f1_of_class, 1), (scores.recall, 2)):
        wanted = [np.nan if row[column] is None else row[column] for row in rows]
        np.testing.assert_allclose(values, wanted, rtol=1e-12)
    absent_zero = np.mean([[value or 0.0 for value in row] for row in rows], axis=0)
    found = scores.miou, scores.f1, scores.mean_accuracy
    np.testing.assert_allclose(found, absent_zero, atol=1e-12)
    present = [row[:2] for row in rows if row[0] is not None]
    wanted = np.mean(present, axis=0) if present else (np.nan, np.nan)
    np.testing.assert_allclose((scores.miou_present, scores.f1_present), wanted, rtol=1e-12)
    assert scores.pixels == int((truth != 255).sum())


@pytest.mark.parametrize("absent", [(), (2,), (0, 5)])
def test_scores_equal_those_of_torchmetrics(absent):
    truth, predicted = pair_of_labels(len(absent), absent)
    scores = counted(truth, predicted).scores()
    given = torch.from_numpy(predicted).long(), torch.from_numpy(truth).long()
    options = {"num_classes": CLASSES, "ignore_index": 255}
    iou = multiclass_jaccard_index(*given, average="none", **options).numpy()
    f1 = multiclass_f1_score(*given, average="none", **options).numpy()
    recall = multiclass_accuracy(*given, average="none", **options).numpy()
    np.testing.assert_allclose(np.nan_to_num(scores.iou), iou, rtol=1e-6)
    np.testing.assert_allclose(np.nan_to_num(scores.f1_of_class), f1, rtol=1e-6)
    np.testing.assert_allclose(np.nan_to_num(scores.recall), recall, rtol=1e-6)
    assert scores.miou == pytest.approx(iou.mean())
    present = float(multiclass_jaccard_index(*given, average="macro", **options))
    assert scores.miou_present == pytest.approx(present)
    macro = float(multiclass_f1_score(*given, average="macro", **options))
    assert scores.f1_present == pytest.approx(macro)
    right = float(multiclass_accuracy(*given, average="micro", **options))
    assert scores.accuracy == pytest.approx(right)


def test_an_absent_class_counts_zero_in_one_mean_and_not_at_all_in_the_other():
    truth = np.array([[0, 0, 1, 1]], np.uint8)
    scores = counted(truth, truth, 4).scores()
    assert (scores.miou, scores.miou_present) == (0.5, 1.0)
    assert (scores.f1, scores.f1_present) == (0.5, 1.0)


def test_a_prediction_of_no_class_is_a_miss_and_no_false_alarm():
    truth = np.array([[0, 0, 1, 1]], np.uint8)
    scores = counted(truth, np.array([[0, 255, 1, 1]], np.uint8), 2).scores()
    np.testing.assert_allclose(scores.iou, [0.5, 1.0])
    assert scores.accuracy == 0.75


def test_nothing_counted_has_no_accuracy():
    scores = ConfusionMatrix(3).scores()
    assert np.isnan([scores.accuracy, scores.miou_present, scores.f1_present]).all()
    assert (scores.miou, scores.pixels) == (0.0, 0)


def test_counts_of_parts_add_up_to_those_of_the_whole():
    truth, predicted = pair_of_labels(7)
    parts = counted(truth[:4], predicted[:4])
    parts += counted(truth[4:], predicted[4:])
    np.testing.assert_array_equal(parts.counts, counted(truth, predicted).counts)


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [
        ([[0, 7]], [[0, 1]], "label 7 in the truth"),
        ([[0, 1]], [[0, 9]], "label 9 in the prediction"),
        ([[0, 1]], [[0, 1, 1]], "truth .1, 2. and prediction .1, 3."),
    ],
)
def test_labels_of_other_classes_and_other_shapes_are_refused(truth, predicted, message):
    with pytest.raises(RecordError, match=message):
        counted(np.array(truth, np.uint8), np.array(predicted, np.uint8))


def test_counts_of_another_shape_and_an_impossible_number_of_classes_are_refused():
    with pytest.raises(ConfigurationError, match="counts of shape"):
        ConfusionMatrix(3, np.zeros((3, 3), np.int64))
    with pytest.raises(ConfigurationError, match="256 classes"):
        ConfusionMatrix(256)


def confident_answers(seed, highest=255):
    rng = np.random.default_rng(seed)
    confidence = rng.integers(0, highest + 1, (40, 50)).astype(np.uint8)
    correct = rng.random(confidence.shape) < (confidence / 255.0) ** 2
    return confidence, correct, rng.random(confidence.shape) < 0.8


def slow_error(confidence, correct, valid, bins):
    """ECE by its definition, one pixel at a time."""
    held = [[] for _ in range(bins)]
    for level, right in zip(confidence[valid].tolist(), correct[valid].tolist(), strict=True):
        place = next(b for b in range(bins) if level * bins < (b + 1) * 255 or b == bins - 1)
        held[place].append((level / 255, right))
    total = sum(map(len, held))
    gaps = [
        abs(np.mean([c for c, _ in each]) - np.mean([r for _, r in each])) for each in held if each
    ]
    return sum(len(each) / total * gap for each, gap in zip(filter(None, held), gaps, strict=True))


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_calibration_error_equals_that_of_a_slow_loop(bins):
    confidence, correct, valid = confident_answers(bins)
    calibration = Calibration()
    calibration.update(confidence, correct, valid)
    found = calibration.reliability(bins)
    assert found.error == pytest.approx(slow_error(confidence, correct, valid, bins))
    assert found.pixels.sum() == valid.sum()


@pytest.mark.parametrize("bins", [10, 12])
def test_calibration_error_equals_that_of_torchmetrics(bins):
    # up to 254: torchmetrics gives the probability 1 a bin of its own
    confidence, correct, valid = confident_answers(bins, highest=254)
    calibration = Calibration()
    calibration.update(confidence, correct, valid)
    probability = torch.from_numpy(confidence[valid] / 255.0)
    wanted = binary_calibration_error(
        probability, torch.from_numpy(correct[valid]).int(), bins, "l1"
    )
    assert calibration.reliability(bins).error == pytest.approx(float(wanted), rel=1e-5)


def test_a_confidence_that_is_right_as_often_as_it_says_has_no_error():
    calibration = Calibration()
    confidence = np.full(255, 51, np.uint8)  # a fifth
    calibration.update(confidence, np.arange(255) < 51, np.ones(255, bool))
    assert calibration.reliability().error == pytest.approx(0.0, abs=1e-12)
    calibration.update(confidence, np.ones(255, bool), np.ones(255, bool))
    assert calibration.reliability().error == pytest.approx(0.4)


def test_calibration_of_parts_adds_up_and_an_empty_one_has_no_error():
    confidence, correct, valid = confident_answers(3)
    whole, parts, second = Calibration(), Calibration(), Calibration()
    assert np.isnan(whole.reliability().error)
    whole.update(confidence, correct, valid)
    parts.update(confidence[:9], correct[:9], valid[:9])
    second.update(confidence[9:], correct[9:], valid[9:])
    parts += second
    np.testing.assert_array_equal(parts.counts, whole.counts)
