"""MCubeS as it is downloaded."""

import numpy as np
import pytest

from anyseg_core.data import open_dataset
from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.normalisation import DEFAULT_NORMALISATION

NAME = "outscene_2"


def test_the_lists_give_the_splits(mcubes):
    assert [len(open_dataset(mcubes.root, s)) for s in ("train", "val", "test")] == [2, 1, 1]
    data = open_dataset(mcubes.root, "train")
    assert data.modalities == ("image", "aolp", "dolp", "nir")
    assert len(data.classes) == 20
    assert [data[i].name for i in (0, 1)] == ["outscene_1", NAME]


def test_the_inner_folder_may_be_named_too(mcubes):
    assert len(open_dataset(mcubes.tree, "train")) == 2


def test_values_and_the_192_columns_that_are_dropped(mcubes):
    sample, stored = open_dataset(mcubes.root, "train")[1], mcubes.stored
    image = stored["polL_color", NAME][:, 192:].transpose(2, 0, 1) / 65535
    np.testing.assert_allclose(sample.channels["image"], image, atol=1e-6)
    sine, cosine, degree = (
        stored[kind, NAME][:, 192:] for kind in ("polL_aolp_sin", "polL_aolp_cos", "polL_dolp")
    )
    np.testing.assert_allclose(sample.channels["aolp"], np.stack((sine, cosine, sine)), atol=1e-6)
    np.testing.assert_allclose(sample.channels["dolp"], np.stack([degree] * 3), atol=1e-6)
    infrared = stored["NIR_warped", NAME][:, 192:] / 65535
    np.testing.assert_allclose(sample.channels["nir"], np.stack([infrared] * 3), atol=1e-6)
    assert np.array_equal(sample.labels, stored["GT", NAME][:, 192:])


def test_8_bit_pictures_are_fractions_of_255(mcubes, write):
    data = open_dataset(mcubes.root, "val")
    write(data.files(0)["nir"], np.full((6, 200), 51, np.uint8))
    np.testing.assert_allclose(data[0].channels["nir"], 0.2, atol=1e-6)


def test_only_the_colour_image_is_normalised(mcubes):
    statistics = open_dataset(mcubes.root, "test").normalisation
    assert statistics["image"] == DEFAULT_NORMALISATION["rgb"]
    assert {statistics[name].std for name in ("aolp", "dolp", "nir")} == {(1.0, 1.0, 1.0)}


def test_both_files_of_the_angle_are_needed(mcubes):
    (mcubes.tree / "polL_aolp_cos" / f"{NAME}.npy").unlink()
    with pytest.raises(RecordError, match=r"polL_aolp_cos.outscene_2\.npy"):
        open_dataset(mcubes.root, "train")
    assert len(open_dataset(mcubes.root, "train", modalities=("image", "nir"))) == 2


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01", b"nothing"])
def test_a_damaged_array_is_told(mcubes, content):
    data = open_dataset(mcubes.root, "train")
    data.files(1)["dolp"].write_bytes(content)
    with pytest.raises(RecordError, match=r"polL_dolp.outscene_2\.npy"):
        data[1]


@pytest.mark.parametrize(
    "array", [np.zeros((6, 200, 3)), np.zeros((6, 199)), np.array(["a"]), np.zeros(3, bool)]
)
def test_an_array_of_another_shape_is_told(mcubes, array):
    data = open_dataset(mcubes.root, "train")
    np.save(data.files(1)["aolp.cos"], array)
    with pytest.raises(RecordError, match="polL_aolp_cos"):
        data[1]


def test_a_name_listed_twice_is_told(mcubes):
    path = mcubes.tree / "list_folder" / "train.txt"
    path.write_text(f"{NAME}\n{NAME}\n")
    with pytest.raises(ConfigurationError, match="outscene_2 twice"):
        open_dataset(mcubes.root, "train")
