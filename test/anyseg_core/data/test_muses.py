"""MUSES as it is downloaded: raw sweeps and events, brought into the camera's image."""

import builtins
import importlib
import json

import numpy as np
import pytest

from anyseg_core.data import open_dataset
from anyseg_core.errors import CalibrationError, MissingDependencyError, RecordError
from anyseg_core.normalisation import DEFAULT_NORMALISATION


def test_the_tree_is_recognised(muses):
    data = open_dataset(muses.root, "train")
    assert data.name == "MUSES"
    assert data.modalities == ("rgb", "event", "lidar")
    assert len(data.classes) == 19
    assert data.normalisation == {name: DEFAULT_NORMALISATION[name] for name in data.modalities}
    assert data.entries[0].condition == "fog_night"
    assert data.entries[0].name == "train/fog/night/REC0001_frame_000100"


def test_a_sample_holds_picture_sweep_and_events_in_one_plane(muses):
    sample = open_dataset(muses.root, "val")[0]
    assert sample.condition == "clear_day"
    assert np.array_equal(sample.labels, muses.labels)
    np.testing.assert_allclose(sample.channels["rgb"], 0.2, atol=1e-6)
    lidar = sample.channels["lidar"]
    measured = np.argwhere(lidar[0] > 0)
    # 959.5 + 1000 * -5 / 20, 539.5 - 1000 * 2 / 20; a centre between two pixels goes to the next
    assert sorted(map(tuple, measured)) == [(440, 710), (540, 960)]
    np.testing.assert_allclose(lidar[:, 540, 960], (10.0, 7.0, 0.0), atol=1e-6)
    np.testing.assert_allclose(lidar[:, 440, 710], (np.sqrt(429), 9.0, 2.0), rtol=1e-6)


def test_events_of_the_last_30_ms_are_counted_by_polarity(muses):
    event = open_dataset(muses.root, "val")[0].channels["event"]
    # the event camera shows the middle of the camera's image; 10 000 is too old, 59 999 just is not
    assert event[0].sum() == 3
    assert event[1].sum() == 1
    assert not event[2].any()
    assert (event[0, 539, 959], event[1, 539, 960]) == (1, 1)
    assert event[0, 480, 1020] == 1
    assert event[0, 181, 321] == 1


def test_a_modality_alone_needs_only_its_own_files(muses):
    (muses.root / "calib.json").write_text("{}")
    assert open_dataset(muses.root, "val", modalities=["rgb"])[0].channels.keys() == {"rgb"}
    with pytest.raises(CalibrationError, match=r"calib\.json"):
        open_dataset(muses.root, "val", modalities=["lidar"])


def test_a_missing_transform_is_never_taken_for_the_identity(muses):
    path = muses.root / "calib.json"
    document = json.loads(path.read_text())
    del document["extrinsics"]["lidar2rgb"]
    path.write_text(json.dumps(document))
    with pytest.raises(CalibrationError, match="lidar"):
        open_dataset(muses.root, "val")


def test_a_cut_sweep_is_told(muses):
    data = open_dataset(muses.root, "val")
    path = data.files(0)["lidar"]
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(RecordError, match=r"_lidar\.bin: 184 bytes"):
        data[0]


@pytest.mark.parametrize("content", [b"", b"no HDF5 file", "cut", "other"])
def test_a_damaged_recording_is_told(muses, content):
    h5py = pytest.importorskip("h5py")
    data = open_dataset(muses.root, "val")
    path = data.files(0)["event"]
    if content == "cut":
        content = path.read_bytes()[:700]
    if content == "other":
        with h5py.File(path, "w") as file:
            file["something"] = [1]
    else:
        path.write_bytes(content)
    with pytest.raises(RecordError, match=r"_event_camera\.h5"):
        data[0]


@pytest.mark.parametrize("columns", [{"x": [1, 2]}, {"t": [0.5, 1.5, 2.5, 3.5, 4.5]}])
def test_columns_that_do_not_fit_are_told(muses, columns):
    h5py = pytest.importorskip("h5py")
    data = open_dataset(muses.root, "val")
    with h5py.File(data.files(0)["event"], "a") as file:
        for name, values in columns.items():
            del file[f"events/{name}"]
            file[f"events/{name}"] = values
    with pytest.raises(RecordError, match="columns of"):
        data[0]


def test_a_recording_without_events_is_an_empty_image(muses):
    h5py = pytest.importorskip("h5py")
    data = open_dataset(muses.root, "val", modalities=["event"])
    with h5py.File(data.files(0)["event"], "w") as file:
        for name in "xytp":
            file[f"events/{name}"] = np.zeros(0, np.uint16)
    assert not data[0].channels["event"].any()


def test_without_h5py_the_error_names_it(muses, monkeypatch):
    data = open_dataset(muses.root, "val", modalities=["event"])
    real = importlib.import_module

    def refusing(name, *rest):
        if name == "h5py":
            raise builtins.ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", refusing)
    with pytest.raises(MissingDependencyError, match="pip install h5py"):
        data[0]


def test_a_codec_that_is_not_installed_is_named(muses, monkeypatch):
    h5py = pytest.importorskip("h5py")
    data = open_dataset(muses.root, "val", modalities=["event"])

    def refusing(*_):
        raise OSError("can't open directory (/usr/local/hdf5/lib/plugin)")

    monkeypatch.setattr(h5py, "File", refusing)
    with pytest.raises(MissingDependencyError, match="pip install hdf5plugin"):
        data[0]


def test_old_events_are_not_read_at_all(muses):
    h5py = pytest.importorskip("h5py")
    data = open_dataset(muses.root, "val", modalities=["event"])
    with h5py.File(data.files(0)["event"], "w") as file:
        for name, values in {
            "x": [639, 639, 639], "y": [359, 359, 359], "p": [1, 1, 1],
            "t": [50_000, 10_000, 40_001],  # out of order, as packets may be
        }.items():  # fmt: skip
            file[f"events/{name}"] = values
    assert data[0].channels["event"].sum() == 2
