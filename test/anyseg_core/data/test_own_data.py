"""Own data: folders that a YAML file describes."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from anyseg_core.data import open_dataset
from anyseg_core.data.opening import open_layout
from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.normalisation import DEFAULT_NORMALISATION, Normalisation

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def camvid():
    """The folder of real street images, if it stands beside the repository."""
    folder = REPOSITORY.parent / "shared" / "real" / "camvid"
    if not (folder / "train" / "image").is_dir():
        pytest.skip(f"the real CamVid images are not at {folder}")
    return folder


def changed(own, **values):
    own.yaml.write_text(yaml.safe_dump(own.document | values))
    return own.yaml


def test_folders_are_walked_and_names_kept(own):
    data = open_dataset(own.root, "train", own.yaml)
    assert [data[i].name for i in range(len(data))] == ["mon/a", "mon/b", "tue/a"]
    assert (data.name, data.modalities) == ("Yard", ("rgb", "thermal"))
    assert data.classes.names == ("ground", "wall", "fork lift")
    assert data.classes.colours[2] == (200, 100, 0)


def test_a_list_chooses_the_samples_of_a_split(own):
    data = open_dataset(own.root, "val", own.yaml)
    assert [data[i].name for i in range(len(data))] == ["tue/a"]


def test_a_list_may_name_what_is_not_there(own):
    (own.root / "val.txt").write_text("tue/a_ids.png\nwed/a\n")
    with pytest.raises(RecordError, match=r"wed/a\.png.*2 other files"):
        open_dataset(own.root, "val", own.yaml)


def test_encodings_and_label_ids(own):
    sample, stored = open_dataset(own.root, "train", own.yaml)[1], own.stored
    assert sample.channels["thermal"].shape == (3, 5, 7)
    np.testing.assert_allclose(
        sample.channels["thermal"][2], stored["thermal", "mon/b"] * 0.01 - 273.15, atol=1e-3
    )
    np.testing.assert_allclose(
        sample.channels["rgb"], stored["rgb", "mon/b"].transpose(2, 0, 1) / 255, atol=1e-6
    )
    meaning = {4: 1, 7: 0, 9: 255, 255: 255}
    expected = [[meaning[value] for value in row] for row in stored["labels", "mon/b"].tolist()]
    assert sample.labels.tolist() == expected


def test_an_id_that_is_not_named_is_told(own, write):
    data = open_dataset(own.root, "train", own.yaml)
    write(data.files(0)["labels"], np.full((5, 7), 2, np.uint8))
    with pytest.raises(RecordError, match="label 2 on 35 pixels"):
        data[0]


def test_without_ids_a_label_is_the_place_of_its_class(own, write):
    own.document["labels"].pop("ids")
    own.document["labels"]["ignore"] = [2]
    data = open_dataset(own.root, "train", changed(own))
    write(data.files(0)["labels"], np.tile(np.arange(3, dtype=np.uint8), (5, 3))[:, :7])
    assert data[0].labels[0].tolist() == [0, 1, 255, 0, 1, 255, 0]


def test_labels_may_be_colours(own, write):
    labels = {"folder": "{split}/labels", "suffix": "_ids.png", "colours": True,
              "ignore": [[0, 0, 0]]}  # fmt: skip
    data = open_dataset(own.root, "train", changed(own, labels=labels))
    image = np.zeros((5, 7, 3), np.uint8)
    image[1], image[2], image[3, 0] = (40, 50, 60), (200, 100, 0), (10, 20, 30)
    write(data.files(0)["labels"], image)
    labels = data[0].labels
    assert labels[:3, 0].tolist() == [255, 1, 2]
    assert labels[3, :2].tolist() == [0, 255]
    image[4, 4] = (40, 50, 61)
    write(data.files(0)["labels"], image)
    with pytest.raises(RecordError, match=r"label \[40, 50, 61\] on 1 pixels"):
        data[0]


def test_16_bit_labels_are_refused(own, write):
    data = open_dataset(own.root, "train", own.yaml)
    write(data.files(0)["labels"], np.full((5, 7), 4, np.uint16))
    with pytest.raises(RecordError, match="labels of uint16"):
        data[0]


def test_statistics_are_the_nodes_or_the_files_or_none(own):
    thermal = {"thermal": {"mean": 20, "std": 8}}
    plain = open_dataset(own.root, "train", own.yaml).normalisation
    assert plain["rgb"] == DEFAULT_NORMALISATION["rgb"]
    assert plain["thermal"] == Normalisation((0, 0, 0), (1, 1, 1))
    given = open_dataset(own.root, "train", changed(own, normalisation=thermal)).normalisation
    assert given["thermal"] == Normalisation((20, 20, 20), (8, 8, 8))


def test_a_document_in_the_root_needs_no_name(own):
    (own.root / "dataset.yaml").write_bytes(own.yaml.read_bytes())
    assert len(open_dataset(own.root, "train")) == 3


def test_a_sibling_that_is_missing_is_told(own):
    (own.root / "training/thermal/mon/b_t.png").unlink()
    (own.root / "training/camera/tue/a.png").unlink()
    with pytest.raises(RecordError, match=r"mon/b_t\.png.*1 other files"):
        open_dataset(own.root, "train", own.yaml)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"modality": {}}, "modality"),
        ({"modalities": {}}, "modalities"),
        ({"modalities": {"rgb": {"folder": "a", "suffix": ".png"}}}, "modalities.rgb.scale"),
        ({"modalities": {"rgb": {"folder": "", "suffix": ".png"}}}, "modalities.rgb.folder"),
        ({"labels": {"folder": "a", "suffix": "b", "ids": {4: "car"}}}, "labels.ids.4"),
        ({"labels": {"folder": "a", "suffix": "b", "ids": {400: "wall"}}}, "labels.ids.400"),
        ({"labels": {"folder": "a", "suffix": "b", "ignore": [256]}}, "labels.ignore"),
        ({"labels": {"folder": "a", "suffix": "b", "colours": 1}}, "labels.colours"),
        ({"labels": {"folder": "a", "suffix": "b", "colours": True, "ignore": [9]}},
         "labels.ignore"),
        ({"labels": {"folder": "a", "suffix": "b", "colours": True, "ids": {}}}, "labels.ids"),
        ({"splits": {"train": 3}}, "splits.train"),
        ({"splits": {"train": {"folder": "a"}}}, "splits.train.list"),
        ({"classes": [{"name": "a", "colour": [0, 0, 0]}] * 2}, "classes[1].name"),
        ({"classes": []}, "classes"),
    ],
)  # fmt: skip
def test_a_wrong_description_is_told_with_file_and_key(own, change, told):
    path = changed(own, **change)
    with pytest.raises(ConfigurationError) as caught:
        open_dataset(own.root, "train", path)
    assert f"{path}: {told}:" in str(caught.value)


def test_a_description_that_is_not_there_is_told(own):
    with pytest.raises(ConfigurationError, match=r"nothing\.yaml"):
        open_dataset(own.root, "train", own.root / "nothing.yaml")


@pytest.mark.parametrize(("split", "count"), [("train", 367), ("val", 101)])
def test_real_street_images(camvid, split, count):
    data = open_dataset(camvid, split, REPOSITORY / "training" / "data" / "camvid.yaml")
    assert len(data) == count
    seen = set()
    for index in range(0, count, 10):
        sample = data[index]
        assert sample.channels["rgb"].shape == (3, 360, 480)
        assert sample.labels.shape == (360, 480)
        assert sample.channels["rgb"].max() <= 1.0
        seen |= set(np.unique(sample.labels))
        sky = sample.labels == 0
        if sky.mean() > 0.02:  # the sky is bright, and above the road
            assert sample.channels["rgb"][:, sky].mean() > sample.channels["rgb"].mean()
            road_row = np.nonzero(sample.labels == 3)[0].mean()
            assert np.nonzero(sky)[0].mean() < road_row
    assert seen == {*range(11), 255}


def test_the_examples_of_the_data_page_can_be_used(tmp_path):
    text = (REPOSITORY / "docs" / "data.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    offered = []
    for example in examples:
        (tmp_path / "dataset.yaml").write_text(example)
        offered.append(open_layout(tmp_path).modalities)
    assert offered == [("rgb", "depth", "event", "lidar"), ("rgb", "thermal")]
