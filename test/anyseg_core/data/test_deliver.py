"""DELIVER's own tree and simulated sets in its layout."""

import pickle

import numpy as np
import pytest
import yaml

from anyseg_core.classes import DELIVER
from anyseg_core.data import open_dataset
from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.normalisation import DEFAULT_NORMALISATION, Normalisation

NAME = "rain/train/MAP_2_point1_motionblur/000030"


def test_the_tree_is_recognised_and_lists_its_samples_in_order(deliver):
    data = open_dataset(deliver.root, "train")
    assert (data.name, data.split, data.classes) == ("DELIVER", "train", DELIVER)
    assert data.modalities == ("rgb", "depth", "event", "lidar")
    assert [data[i].name for i in range(len(data))] == [
        "cloud/train/MAP_1_point2/000030",
        "cloud/train/MAP_1_point2/000040",
        NAME,
        "rain/train/MAP_2_point1_motionblur/000040",
    ]


@pytest.mark.parametrize(
    ("split", "condition", "failure"),
    [("val", "night", "lidarjitter"), ("test", "sun", "")],
)
def test_condition_and_failure_come_from_their_own_part_of_the_path(
    deliver, split, condition, failure
):
    sample = open_dataset(deliver.root, split)[0]
    assert (sample.condition, sample.failure) == (condition, failure)


def test_rain_is_no_condition_of_a_train_folder(deliver):
    data = open_dataset(deliver.root, "train")
    assert [data[i].condition for i in range(4)] == ["cloud", "cloud", "rain", "rain"]


def test_pictures_are_scaled_to_1_and_labels_shifted_by_1(deliver):
    sample = open_dataset(deliver.root, "train")[2]
    assert sample.name == NAME
    for modality, folder in (("rgb", "img"), ("depth", "hha"), ("lidar", "lidar")):
        expected = deliver.stored[folder, NAME].transpose(2, 0, 1) / 255.0
        assert sample.channels[modality].dtype == np.float32
        np.testing.assert_allclose(sample.channels[modality], expected, atol=1e-6)
    assert np.array_equal(sample.labels, deliver.stored[NAME])


def test_the_smaller_event_image_is_brought_to_the_labels_size_by_the_nearest_pixel(deliver):
    sample = open_dataset(deliver.root, "train")[2]
    stored = deliver.stored["event", NAME].repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_allclose(
        sample.channels["event"], stored.transpose(2, 0, 1) / 255.0, atol=1e-6
    )


def test_only_colour_is_normalised(deliver):
    statistics = open_dataset(deliver.root, "train").normalisation
    assert statistics["rgb"] == DEFAULT_NORMALISATION["rgb"]
    for modality in ("depth", "event", "lidar"):
        assert statistics[modality] == Normalisation((0, 0, 0), (1, 1, 1))


def test_the_physical_units_of_a_simulated_set(simulated):
    data = open_dataset(simulated.root, "test")
    sample, stored = data[0], simulated.stored
    assert (data.name, sample.name, sample.condition) == (
        "simulated street", "dusk/test/street_9/000001", "dusk"
    )  # fmt: skip
    metres = np.broadcast_to(stored["depth"] * 0.001, (3, 12, 16))
    np.testing.assert_allclose(sample.channels["depth"], metres, rtol=1e-6)
    np.testing.assert_allclose(sample.channels["event"], stored["event"].transpose(2, 0, 1))
    assert np.array_equal(sample.labels, stored["labels"])


def test_a_pixel_without_a_return_is_0_whatever_the_offset(simulated):
    lidar = open_dataset(simulated.root, "test")[0].channels["lidar"]
    assert not lidar[:, ::2].any()
    stored = simulated.stored["lidar"][1::2].transpose(2, 0, 1)
    expected = stored * np.array([0.002, 1.0, 0.001])[:, None, None]
    expected[2] -= 20.0
    np.testing.assert_allclose(lidar[:, 1::2], expected, rtol=1e-5, atol=1e-5)


def test_statistics_of_a_simulated_set_are_its_own_or_the_nodes(simulated):
    statistics = open_dataset(simulated.root, "test").normalisation
    assert statistics["depth"] == Normalisation((1, 2, 3), (4, 5, 6))
    assert statistics["lidar"] == DEFAULT_NORMALISATION["lidar"]


def test_modalities_are_read_as_named(deliver):
    data = open_dataset(deliver.root, "test", modalities=("lidar", "rgb"))
    assert data.modalities == ("lidar", "rgb")
    assert list(data[0].channels) == ["lidar", "rgb"]
    assert set(data.files(0)) == {"lidar", "rgb", "labels"}


@pytest.mark.parametrize("modalities", [(), ("rgb", "rgb"), ("rgb", "nir")])
def test_modalities_that_the_set_does_not_have_are_refused(deliver, modalities):
    with pytest.raises(ConfigurationError, match="rgb, depth, event, lidar"):
        open_dataset(deliver.root, "test", modalities=modalities)


def test_missing_siblings_are_found_at_opening(deliver):
    gone = [deliver.root / "lidar" / f"{NAME}_lidar_front.png",
            deliver.root / "semantic" / f"{NAME}_semantic_front.png",
            deliver.root / "img/cloud/train/MAP_1_point2/000030_rgb_front.png"]  # fmt: skip
    for path in gone:
        path.unlink()
    with pytest.raises(RecordError) as caught:
        open_dataset(deliver.root, "train")
    assert str(gone[2]) in str(caught.value)  # the first in order
    assert "2 other files" in str(caught.value)
    assert len(open_dataset(deliver.root, "test")) == 2


def test_a_modality_that_is_not_asked_for_may_be_missing(deliver):
    (deliver.root / "lidar" / f"{NAME}_lidar_front.png").unlink()
    assert len(open_dataset(deliver.root, "train", modalities=("rgb", "event"))) == 4


def test_damaged_content_is_told_at_reading_with_the_count_of_others(deliver):
    data = open_dataset(deliver.root, "train")
    broken = data.files(2)["depth"]
    for path in (broken, data.files(0)["rgb"], data.files(1)["labels"]):
        path.write_bytes(path.read_bytes()[:-40])
    data.files(3)["lidar"].unlink()
    with pytest.raises(RecordError) as caught:
        data[2]
    assert str(broken) in str(caught.value)
    assert "3 other files of train" in str(caught.value)


def test_a_file_that_went_away_is_named(deliver):
    data = open_dataset(deliver.root, "train")
    data.files(1)["event"].unlink()
    with pytest.raises(RecordError, match=r"000040_event_front\.png.*0 other files"):
        data[1]


def test_a_label_that_is_no_class_is_told(deliver, write):
    data = open_dataset(deliver.root, "val")
    stored = np.ones((12, 16, 4), np.uint8)
    stored[3, 4, 0] = 26
    write(data.files(0)["labels"], stored)
    with pytest.raises(RecordError, match=r"label 26 on 1 pixels"):
        data[0]


def test_another_size_than_the_labels_is_told(deliver, write):
    data = open_dataset(deliver.root, "val")
    write(data.files(0)["lidar"], np.zeros((6, 8, 3), np.uint8))
    with pytest.raises(RecordError, match=r"8 x 6 pixels.*16 x 12"):
        data[0]


def test_a_split_that_is_not_there_is_told_with_those_that_are(deliver):
    with pytest.raises(ConfigurationError, match="test, train, val"):
        open_dataset(deliver.root, "training")


def test_a_folder_that_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="no known layout"):
        open_dataset(tmp_path, "train")
    with pytest.raises(ConfigurationError, match="no such folder"):
        open_dataset(tmp_path / "nowhere", "train")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": 2}, "format"),
        ({"layout": "delivery"}, "layout"),
        ({"classes": "citiscape"}, "classes"),
        ({"classes": [{"name": "a", "colour": [0, 0, 256]}]}, "classes[0].colour"),
        ({"encodings": {"rgb": {}}}, "encodings.rgb.scale"),
        ({"encodings": {"rgb": {"scale": [1, 2]}}}, "encodings.rgb.scale"),
        ({"encodings": {"rgb": {"scale": 0}}}, "encodings.rgb"),
        ({"encodings": {"rgb": {"scale": 1, "offest": 2}}}, "encodings.rgb.offest"),
        ({"encodings": {"radar": {"scale": 1}}}, "encodings.radar"),
        ({"normalisation": {"rgb": {"mean": 1, "std": 0}}}, "normalisation.rgb"),
        ({"name": ""}, "name"),
    ],
)
def test_a_wrong_description_is_told_with_file_and_key(simulated, change, told):
    path = simulated.root / "dataset.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | change))
    with pytest.raises(ConfigurationError) as caught:
        open_dataset(simulated.root, "test")
    assert f"{path}: {told}:" in str(caught.value)


def test_a_description_that_is_no_yaml_is_told(simulated):
    path = simulated.root / "dataset.yaml"
    path.write_bytes(b"a: [\xff")
    with pytest.raises(ConfigurationError, match="a YAML file"):
        open_dataset(simulated.root, "test")


def test_a_data_set_goes_to_worker_processes(deliver):
    data = open_dataset(deliver.root, "train")
    other = pickle.loads(pickle.dumps(data))  # noqa: S301 - our own bytes
    assert np.array_equal(other[1].channels["rgb"], data[1].channels["rgb"])
