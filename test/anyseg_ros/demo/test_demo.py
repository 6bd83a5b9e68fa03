"""The demo as a user starts it, and the parts that it tells its story with."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from anyseg_ros.demo.monitor import Tally
from anyseg_ros.demo.report import summary
from anyseg_ros.demo.script import SCRIPT, phase_at, progress_in_phase

pytest.importorskip("open3d", reason="the simulated rig needs open3d-cpu and libusb-1.0-0")


def run_demo(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "anyseg_core.cli.main", "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_demo_shows_what_is_used_and_leaves_pictures_and_figures(tmp_path):
    figures_file, output = tmp_path / "figures.json", tmp_path / "out"
    done = run_demo("--frames", "60", "--json", str(figures_file), "--output", str(output))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "untrained" not in done.stdout
    figures = json.loads(figures_file.read_text())
    assert figures["frames"] == sum(figures["sets_by_modalities"].values()) == 60
    assert figures["middleware"].startswith("rmw_")
    assert 0 < figures["latency_ms"]["p50"] <= figures["latency_ms"]["p95"]
    assert set(figures["detection_delay_ms"]) == {"lidar:dropout", "rgb:black"}
    assert {"RDEL", "RDE", "DE"} <= set(figures["sets_by_modalities"])
    assert json.loads((output / "summary.json").read_text()) == figures
    with Image.open(output / "contact_sheet.png") as sheet:
        assert sheet.width > 4 * 256
    overlays = sorted(output.glob("overlay_*.png"))
    assert len(overlays) == len(SCRIPT)
    with Image.open(overlays[0]) as picture:
        assert len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0)) > 50


@pytest.mark.parametrize("arguments", [("--frames", "0"), ("--seconds", "-3")])
def test_a_length_that_is_none_is_refused_in_one_line(arguments):
    done = run_demo(*arguments)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert arguments[1] in done.stderr


def test_the_script_breaks_both_sensors_and_mends_them():
    assert sum(phase.share for phase in SCRIPT) == pytest.approx(1.0)
    assert not SCRIPT[0].faults
    assert not SCRIPT[-1].faults
    assert {fault for phase in SCRIPT for fault in phase.faults} == {"lidar:dropout", "rgb:black"}


def test_phases_follow_each_other_without_a_gap():
    indices = [phase_at(progress / 100) for progress in range(100)]
    assert indices == sorted(indices)
    assert set(indices) == set(range(len(SCRIPT)))
    assert phase_at(5.0) == len(SCRIPT) - 1
    assert progress_in_phase(0.1) == pytest.approx(0.5)


def test_a_demo_without_a_frame_has_no_latency():
    figures = summary(Tally(), "rmw_test", trained=True)
    assert figures["frames"] == 0
    assert figures["latency_ms"] == {"p50": None, "p95": None}
