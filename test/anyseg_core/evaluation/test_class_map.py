"""What a network's classes count as on data with other classes."""

from pathlib import Path

import numpy as np
import pytest

from anyseg_core.classes import DELIVER, ClassSet
from anyseg_core.errors import ConfigurationError
from anyseg_core.evaluation import read_class_map, same_classes
from anyseg_core.metrics import ConfusionMatrix

ROOT = Path(__file__).parents[3]
CAMVID = (
    "Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car",
    "Pedestrian", "Bicyclist",
)  # fmt: skip


def class_set(*names):
    return ClassSet(names, tuple((i, i, i) for i in range(len(names))))


NETWORK = class_set("street", "lane", "auto", "bus", "cloud")
DATA = class_set("sky", "road", "house", "car")


@pytest.fixture
def read(tmp_path):
    def _read(text):
        path = tmp_path / "map.yaml"
        path.write_text(text, encoding="utf-8")
        return read_class_map(path, NETWORK, DATA)

    return _read


GOOD = "format: 1\nclasses:\n  road: [street, lane]\n  car: [auto, bus]\n  house: []\n"


def test_several_classes_may_mean_one_and_the_rest_is_left_out_and_said_so(read):
    found = read(GOOD)
    assert found.classes.names == ("road", "car")
    assert found.classes.colours == ((1, 1, 1), (3, 3, 3))
    assert found.left_out == ("sky", "house")
    assert found.unused == ("cloud",)
    assert found.predicted[:5].tolist() == [0, 0, 1, 1, 255]
    assert found.truth[:4].tolist() == [255, 0, 255, 1]
    assert found.truth[255] == 255


def test_only_shared_classes_are_scored_and_other_answers_are_wrong(read):
    found = read(GOOD)
    truth = np.array([[1, 1, 1, 3, 0, 2, 255]], np.uint8)  # road x 3, car, sky, house, ignored
    answer = np.array([[0, 1, 4, 2, 0, 0, 0]], np.uint8)  # street, lane, cloud, auto, ...
    matrix = ConfusionMatrix(len(found.classes))
    matrix.update(found.truth[truth], found.predicted[answer])
    scores = matrix.scores()
    assert scores.pixels == 4
    np.testing.assert_allclose(scores.iou, [2 / 3, 1.0])


def test_the_same_classes_map_onto_themselves():
    found = same_classes(DELIVER, DELIVER)
    assert found.classes == DELIVER
    assert found.truth[:25].tolist() == found.predicted[:25].tolist() == list(range(25))
    assert (found.left_out, found.unused) == ((), ())


def test_other_classes_ask_for_a_map():
    with pytest.raises(ConfigurationError, match=r"5 classes .*--map-classes"):
        same_classes(NETWORK, DATA)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("format: 2\nclasses: {road: [street]}", "format"),
        ("format: 1\nclasses: {raod: [street]}", "raod"),
        ("format: 1\nclasses: {road: [stret]}", "stret"),
        ("format: 1\nclasses: {road: street}", "a list"),
        ("format: 1\nclasses: {road: [street], car: [street]}", "street more than once"),
        ("format: 1\nclasses: {road: []}", "no class"),
        ("format: 1\nclasses: {road: [street]}\nclases: {}", "clases"),
        ("[1]", "a mapping"),
    ],
)
def test_a_wrong_map_is_refused_and_says_what_is_wrong(read, text, message):
    with pytest.raises(ConfigurationError, match=message):
        read(text)


def test_the_map_from_deliver_to_camvid_scores_all_eleven_classes():
    path = ROOT / "training" / "data" / "deliver_to_camvid.yaml"
    found = read_class_map(path, DELIVER, class_set(*CAMVID))
    assert found.classes.names == CAMVID
    assert set(found.unused) == {
        "Other", "Ground", "RailTrack", "GroundRail", "Static", "Dynamic", "Water",
    }  # fmt: skip
    assert found.predicted[DELIVER.names.index("RoadLine")] == CAMVID.index("Road")
