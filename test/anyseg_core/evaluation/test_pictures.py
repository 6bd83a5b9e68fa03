"""Which samples the report shows, and how."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from anyseg_core.evaluation import evaluate
from anyseg_core.evaluation.pictures import LONGEST_SIDE, draw_case, draw_channels, telling_samples
from anyseg_core.evaluation.scoring import SampleScore, Scorer
from anyseg_core.types import MODALITIES


def scored(*ious):
    return [SampleScore(i, str(i), (0.0, iou)) for i, iou in enumerate(ious)]


def pixels(picture):
    kind, _, text = picture.data.partition(",")
    assert kind == "data:image/png;base64"
    return np.array(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB"))


@pytest.mark.parametrize(
    ("ious", "wanted"),
    [
        ((0.5, 0.9, 0.1, 0.4, 0.6), {"best": 1, "median": 0, "worst": 2}),
        ((0.5, float("nan"), 0.7), {"best": 2, "worst": 0}),
        ((0.5,), {"best": 0}),
        ((0.5, 0.5, 0.5), {"best": 0, "median": 1, "worst": 2}),
        ((float("nan"),), {}),
    ],
)
def test_best_median_and_worst_by_the_full_set_are_shown_once_each(ious, wanted):
    found = telling_samples(scored(*ious))
    assert [(title, one.index) for title, one in found.items()] == list(wanted.items())


def test_a_case_shows_inputs_truth_and_the_answer_of_every_subset(plan, erring):
    planned = plan()
    predictor = erring()
    outcome = evaluate(planned, predictor, lambda _: None)
    case = draw_case("best", outcome.samples[0], planned, Scorer(planned, predictor))
    assert [p.caption for p in case.inputs] == [*MODALITIES, "truth"]
    assert [p.caption for p in case.answers][::7] == ["R", "DE", "RDEL"]
    assert case.answers[-1].iou == 100.0
    palette = planned.dataset.classes.palette()
    truth = planned.dataset[0].labels
    np.testing.assert_array_equal(pixels(case.inputs[-1]), palette[truth])
    answer = np.round(planned.dataset[0].channels["rgb"][0]).astype(np.uint8)
    np.testing.assert_array_equal(pixels(case.answers[-1]), palette[answer])
    assert [name for name, _ in case.legend] == ["road", "car", "sky", "not scored"]


def test_colours_are_shown_as_they_are():
    channels = np.zeros((3, 2, 2), np.float32)
    channels[0, 0, 0], channels[1, 1, 1] = 1.0, 7.0
    drawn = draw_channels("rgb", channels)
    assert drawn[0, 0].tolist() == [255, 0, 0]
    assert drawn[1, 1].tolist() == [0, 255, 0]


def test_events_are_red_where_brighter_and_blue_where_darker():
    channels = np.zeros((3, 1, 3), np.float32)
    channels[0, 0, 0], channels[1, 0, 1] = 3.0, 1.0
    assert draw_channels("event", channels).tolist() == [[[255, 0, 0], [0, 0, 128], [0, 0, 0]]]


@pytest.mark.parametrize("modality", ["depth", "lidar", "thermal"])
def test_ranges_go_from_red_to_blue_and_black_is_nothing(modality):
    channels = np.zeros((3, 1, 3), np.float32)
    channels[0, 0, :2] = 2.0, 50.0
    near, far, nothing = draw_channels(modality, channels)[0].astype(int)
    assert near[0] > near[2]
    assert far[2] > far[0]
    assert nothing.tolist() == [0, 0, 0]
    assert not draw_channels(modality, 0 * channels).any()


def test_large_pictures_are_shrunk():
    assert draw_channels("rgb", np.zeros((3, 500, 1000), np.float32)).shape == (192, 384, 3)
    assert LONGEST_SIDE == 384
