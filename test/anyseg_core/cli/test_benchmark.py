"""The benchmark command on sizes that take no time."""

import json

import numpy as np
import pytest

from anyseg_core.benchmark import inputs, peers
from anyseg_core.cli.main import main
from anyseg_core.events import open_decoder
from anyseg_core.projection import bin_events, project_lidar, voxel_grid


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    path = tmp_path_factory.mktemp("benchmark") / "figures.json"
    words = ["benchmark", "front-end", "--scale", "0.004", "--rounds", "2", "--json", str(path)]
    assert main(words) == 0
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_case_has_its_rows_with_peers(figures):
    found = {(row["name"].split(",")[0], row["peer"]) for row in figures["rows"]}
    assert found >= {
        ("decode + bin EVT3", "numpy: decode, then bin"),
        ("polarity counts", "np.bincount"),
        ("polarity counts", "np.add.at"),
        ("voxel grid of 5", "np.add.at"),
        ("project LiDAR", "numpy lexsort"),
        ("resize + normalise RGB", "copy of input and output"),
        ("whole front end", "MiT-B0, one image"),
    }


def test_a_row_says_its_times_and_what_they_are_held_against(figures):
    for row in figures["rows"]:
        assert 0.0 < row["min"] <= row["median"] <= row["max"]
        assert row["ratio"] == pytest.approx(row["peer_min"] / row["min"])
        assert (row["met"] is None) == (row["wanted"] == "")
    assert figures["unit"] == "ms"


def test_the_machine_and_versions_stand_beside_the_rows(figures):
    assert figures["machine"]["cores"] >= 1
    assert figures["machine"]["packages"]["numpy"] == np.__version__


@pytest.mark.parametrize("words", [["--rounds", "0"], ["--scale", "0"], ["--scale", "2"]])
def test_an_impossible_option_is_refused_in_one_line(words, capsys):
    assert main(["benchmark", "front-end", *words]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_peers_do_the_same_work_as_ours():
    events = inputs.make_events(2000, 64, 48)
    data = inputs.encode_evt3(events)
    image = bin_events(events, 64, 48)
    for other in (peers.bincount(events, 64, 48), peers.add_at(events, 64, 48),
                  peers.decode_and_bin(data, 64, 48)):  # fmt: skip
        assert np.array_equal(other, image[:2])
    assert np.array_equal(bin_events(open_decoder("evt3", 64, 48).decode(data), 64, 48), image)
    grid = voxel_grid(events, 64, 48, 5, 0, inputs.WINDOW_NS)
    assert np.allclose(peers.voxels_add_at(events, 64, 48, 5), grid, atol=1e-4)
    sweep, camera = inputs.make_sweep(2000), inputs.make_camera(64, 64)
    drawn = project_lidar(sweep, camera, inputs.CAMERA_FROM_LIDAR).channels
    assert np.allclose(peers.project_by_sorting(sweep, camera, inputs.CAMERA_FROM_LIDAR), drawn)
    assert (drawn[0] > 0).sum() > 500
