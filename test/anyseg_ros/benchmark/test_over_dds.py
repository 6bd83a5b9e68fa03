"""The node's benchmark as a user starts it, for a moment: its figures hang together."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("open3d", reason="the simulated rig needs open3d-cpu and libusb-1.0-0")


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmark")
    words = ["--size", "64", "--rates", "4,10", "--subsets", "RDEL,DL", "--seconds", "1"]
    files = ["--json", folder / "f.json", "--markdown", folder / "f.md", "--output", folder / "out"]
    done = subprocess.run(
        [sys.executable, "-m", "anyseg_core.cli.main", "benchmark", "node", "--rounds", "1",
         *words, *map(str, files)],
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| RDEL | 4 |" in (folder / "f.md").read_text()
    return json.loads((folder / "f.json").read_text())


def test_every_load_has_a_row(figures):
    found = [(row["sensors"], row["input_hz"]) for row in figures["rows"]]
    assert found == [("RDEL", 4.0), ("RDEL", 10.0), ("DL", 4.0)]
    assert figures["middleware"].startswith("rmw_")
    assert len(figures["data_sha256"]) == 64
    assert figures["machine"]["cores"] >= 1


def test_masks_come_after_their_stamp(figures):
    for row in figures["rows"]:
        assert 0 < row["p50_ms"]["median"] <= row["p95_ms"]["median"] <= row["max_ms"]["median"]
        assert 0 < row["own_ms"]["median"] < row["p50_ms"]["median"]
        assert row["sent"] == row["received"] + row["dropped"] >= 3
        assert 0 <= row["complete"] <= row["received"]
        assert row["rate_hz"]["max"] > 0
        assert row["ratio"] == pytest.approx(row["peer_min"] / row["min"])


def test_the_nodes_share_of_the_machine_is_that_of_a_process_that_works(figures):
    for row in figures["rows"]:
        assert 0 < row["cpu_share"]["median"] <= figures["machine"]["cores"] + 0.5
        assert 50 < row["peak_mib"]["median"] < 8000


def test_some_masks_are_made_of_all_the_sensors_that_were_sent(figures):
    assert sum(row["complete"] for row in figures["rows"]) > 0
