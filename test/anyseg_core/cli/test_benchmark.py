"""The benchmark command on sizes that take no time."""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from anyseg_core.benchmark import detection_report, inputs, models, models_report, peers
from anyseg_core.cli import benchmark
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
        ("whole front end", "MiT-B0, the four tensors"),
        ("whole front end", "MiT-B0, one of them"),
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


@pytest.fixture(scope="module")
def of_models(tmp_path_factory):
    """The models' part on images of 32 and 64 pixels with the smallest encoder."""
    for package in ("matplotlib", "PIL"):
        pytest.importorskip(package, reason="draws the plot, or reads it back")
    folder = tmp_path_factory.mktemp("models")
    files = {"json": "figures.json", "markdown": "table.md", "plot": "plot.png"}
    words = ["benchmark", "models", "--scale", "0.0001", "--rounds", "1"]
    for option, name in files.items():
        words += [f"--{option}", str(folder / name)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "ENCODER", "mit_b0")
        patch.setattr(models, "SIDES", (256, 512))
        assert main(words) == 0
    return folder


def test_networks_are_measured_for_every_subset_beside_cmnexts_form(of_models):
    rows = json.loads((of_models / "figures.json").read_text(encoding="utf-8"))["rows"]
    beside = [row for row in rows if row["peer"] == models.CMNEXT]
    small = [row["name"].split(", ")[1] for row in beside if "32 x 32" in row["name"]]
    assert len(small) == len(set(small)) == 15
    assert {row["name"] for row in beside} >= {"Any2Seg, RDEL, 64 x 64", "Any2Seg, RD, 64 x 64"}
    wanted = {row["name"]: row["wanted"] for row in beside}
    assert wanted["Any2Seg, RDEL, 64 x 64"] == "1 x"
    assert wanted["Any2Seg, RD, 64 x 64"] == "2 x"
    assert wanted["Any2Seg, R, 64 x 64"] == "3.7037 x"
    shares = {row["name"]: row["wanted"] for row in rows if row["peer"] == models.ENCODER_ALONE}
    assert shares["MFF, RDEL, 64 x 64"] == "12.5 x"
    assert shares["MPU, RDEL, 64 x 64"] == "1.66667 x"
    assert len(shares) == 16


def test_tables_and_a_plot_are_written(of_models):
    text = (of_models / "table.md").read_text(encoding="utf-8")
    assert "| MFF | 4 | 64 x 64 |" in text
    assert "| Any2Seg, RDEL, 64 x 64 |" in text
    with Image.open(of_models / "plot.png") as plot:
        assert np.ptp(np.asarray(plot.convert("L"))) > 200


@pytest.mark.parametrize("what", ["MFF", "MPU"])
def test_the_fusions_memory_is_linear_in_pixels_and_modalities(what):
    memory = {
        (count, side): models_report.fusion_memory(what, count, side)
        for count in (1, 2, 3, 4)
        for side in (512, 1024)
    }
    for count in (1, 2, 3, 4):
        # MFF goes over a block of pixels at a time, which is as large in every image
        assert memory[count, 1024] == pytest.approx(4 * memory[count, 512], rel=0.01)
    steps = [memory[count + 1, 1024] - memory[count, 1024] for count in (2, 3)]
    assert 0 <= steps[0] == pytest.approx(steps[1], rel=0.01, abs=0.2)


def test_peak_memory_is_that_of_the_tensors_alive_at_once():
    with models_report.PeakMemory() as memory, torch.device("meta"):
        first = torch.zeros(256, 256)
        second = first + first
        del first
        third = second + second
        del second, third
    assert memory.peak == 2 * 256 * 256 * 4


def test_detection_is_handed_on_with_its_options(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(
        detection_report, "run_detection", lambda config, **files: told.append((config, files)) or 0
    )
    assert main(["benchmark", "detection", "--rounds", "7", "--json", str(tmp_path / "f")]) == 0
    ((config, files),) = told
    assert config.runs == 7
    assert files == {"json_file": tmp_path / "f", "markdown_file": None}


def test_a_plot_without_matplotlib_is_refused_before_anything_is_measured(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(benchmark, "measure", lambda *_: pytest.fail("it was measured"))
    assert main(["benchmark", "runtime", "--plot", str(tmp_path / "plot.png")]) == 2
    assert "pip install matplotlib" in capsys.readouterr().err


def test_a_plot_of_a_part_without_one_is_refused(tmp_path, capsys):
    assert main(["benchmark", "front-end", "--plot", str(tmp_path / "plot.png")]) == 2
    assert "models, runtime alone" in capsys.readouterr().err


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
