"""Normalised inputs and the hash of a data set."""

import shutil

import numpy as np
import pytest

from anyseg_core.data import Sample, data_hash, normalised, open_dataset
from anyseg_core.errors import RecordError
from anyseg_core.normalisation import Normalisation
from anyseg_core.projection import normalise


def test_normalised_is_what_the_node_feeds_the_network():
    rng = np.random.default_rng(0)
    channels = rng.uniform(1, 9, (3, 4, 5)).astype(np.float32)
    valid = rng.random((4, 5)) < 0.5
    channels *= valid
    statistics = Normalisation((1, 2, 3), (4, 5, 6))
    names = ("rgb", "depth", "event", "lidar")
    sample = Sample("a", dict.fromkeys(names, channels), np.zeros((4, 5), np.uint8))
    out = normalised(sample, dict.fromkeys(names, statistics))
    for name in names:
        expected = normalise(channels, valid if name in {"depth", "lidar"} else None, statistics)
        np.testing.assert_allclose(out[name], expected, atol=1e-6)
        assert out[name].flags.c_contiguous
    assert (out["lidar"][:, ~valid] == 0).all()
    assert (out["event"][0, ~valid] == -0.25).all()


def test_a_height_of_0_is_measured_where_the_range_is_not_0():
    channels = np.zeros((3, 1, 2), np.float32)
    channels[0, 0, 1] = 5.0
    sample = Sample("a", {"lidar": channels}, np.zeros((1, 2), np.uint8))
    out = normalised(sample, {"lidar": Normalisation((1, 1, 1), (2, 2, 2))})["lidar"]
    assert out[:, 0].tolist() == [[0.0, 2.0], [0.0, -0.5], [0.0, -0.5]]


def test_the_hash_is_that_of_the_data_wherever_they_lie(simulated, tmp_path):
    first = data_hash(open_dataset(simulated.root, "test"))
    assert len(first) == 64
    shutil.copytree(simulated.root, tmp_path / "copy")
    assert data_hash(open_dataset(tmp_path / "copy", "test")) == first


def test_the_hash_tells_other_data_apart(simulated, deliver, write):
    data = open_dataset(simulated.root, "test")
    hashes = [data_hash(data)]
    hashes += [data_hash(open_dataset(simulated.root, "test", modalities=("rgb",)))]
    hashes += [data_hash(open_dataset(deliver.root, split)) for split in ("train", "val")]
    image = np.zeros((12, 16, 3), np.uint8)
    write(data.files(0)["rgb"], image)
    hashes.append(data_hash(data))
    document = simulated.root / "dataset.yaml"
    document.write_text(document.read_text().replace("seed: 7", "seed: 8"))
    hashes.append(data_hash(open_dataset(simulated.root, "test")))
    assert len(set(hashes)) == len(hashes)


def test_the_hash_needs_all_files(deliver):
    data = open_dataset(deliver.root, "train")
    data.files(2)["event"].unlink()
    with pytest.raises(RecordError, match="event"):
        data_hash(data)
