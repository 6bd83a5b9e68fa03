"""The page beside the demo: who can reach it, what it reaches, and what it really shows."""

import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from anyseg_core.errors import MissingDependencyError
from anyseg_core.geometry import load_calibration
from anyseg_ros.demo import view as view_module
from anyseg_ros.demo.monitor import Pictures, SensorLine, Tally
from anyseg_ros.demo.processes import Processes
from anyseg_ros.demo.report import LEFT_OUT, USED
from anyseg_ros.demo.view import DemoView, require_viewer
from anyseg_ros.demo.viewer_server import viewer_binary
from anyseg_ros.resources import config_file

PATIENCE_S = 150.0
RGB, OVERLAY = (200, 40, 200), (20, 220, 220)
LOOPBACK_HEX = "0100007F"
LISTENING = "0A"

needs_viewer = pytest.mark.skipif(viewer_binary() is None, reason="rerun-sdk is not installed")


class StillMonitor:
    """What a monitor knows in one moment: RGB in use, the LiDAR dead."""

    sensors = {  # noqa: RUF012 - never changed
        "rgb": SensorLine(used=True, state="ok", reason="", age_ms="12.0"),
        "lidar": SensorLine(used=False, state="failed", reason="nothing came", age_ms=""),
    }
    faults = frozenset({"lidar:dropout"})
    tally = Tally(frames=3, latencies_ms=[40.0])

    def pictures(self):
        return Pictures(rgb=plain(RGB), overlay=plain(OVERLAY))


def plain(colour):
    return np.full((64, 64, 3), colour, np.uint8)


@pytest.fixture
def shown(tmp_path):
    """A view with a moment in it, and the processes that it needs."""
    calibration = load_calibration(config_file("simulated_calibration.yaml"))
    with (
        Processes(tmp_path) as processes,
        DemoView(processes, StillMonitor(), calibration) as view,
    ):
        view.announce(1, 0.3)
        view.update(1, 0.3, 9.5)
        yield SimpleNamespace(view=view, processes=processes, folder=tmp_path)


def listening(pids):
    """Return the local addresses, as the kernel writes them, that these processes listen at."""
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed while we looked
                target = str(descriptor.readlink())
                if target.startswith("socket:["):
                    inodes.add(target[8:-1])
    found = []
    for table in ("tcp", "tcp6"):
        rows = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        columns = [row.split() for row in rows]
        found += [each[1] for each in columns if each[3] == LISTENING and each[9] in inodes]
    return found


def near(picture, colour, margin=20):
    """Return how many pixels have about this colour."""
    return int((np.abs(picture.astype(int) - colour).max(axis=2) <= margin).sum())


@needs_viewer
def test_the_page_shows_pictures_and_what_is_used_and_reaches_nothing_else(shown, browser):
    browser.open(shown.view.url)
    wanted = {"rgb": RGB, "overlay": OVERLAY, "used": USED, "left out": LEFT_OUT}
    end = time.monotonic() + PATIENCE_S
    counts = {}
    while time.monotonic() < end:
        picture = browser.picture()
        counts = {name: near(picture, colour) for name, colour in wanted.items()}
        if min(counts.values()) > 100:
            break
        time.sleep(0.5)
    assert min(counts.values()) > 100, counts
    assert counts["rgb"] > 4000
    assert browser.reached() == {"127.0.0.1"}


@needs_viewer
def test_everything_listens_on_loopback_alone(shown):
    addresses = listening([os.getpid(), shown.processes.pid("viewer")])
    ports = {int(address.split(":")[1], 16) for address in addresses}
    assert int(shown.view.url.rsplit(":", 1)[1].strip("/")) in ports
    assert len(listening([shown.processes.pid("viewer")])) == 2
    assert {address.split(":")[0] for address in addresses} == {LOOPBACK_HEX}


@needs_viewer
def test_the_viewer_gathers_no_statistics_and_leaves_the_user_s_settings_alone(shown):
    settings = json.loads((shown.folder / "viewer/rerun/analytics.json").read_text())
    assert settings["analytics_enabled"] is False
    assert settings["config_file_path"].startswith(str(shown.folder))


@needs_viewer
def test_another_name_for_this_machine_gets_no_page(shown):
    request = urllib.request.Request(  # noqa: S310 - our own page
        shown.view.url + "index.html", headers={"Host": "elsewhere.example"}
    )
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request)  # noqa: S310


@needs_viewer
def test_a_viewer_that_takes_nothing_does_not_hold_the_demo_up(shown, monkeypatch):
    stalled, going_on = threading.Event(), threading.Event()

    def stall(*_arguments):
        stalled.set()
        going_on.wait()

    monkeypatch.setattr(view_module, "PERIOD_S", 0.0)
    monkeypatch.setattr(shown.view, "_due_s", 0.0)  # else the first update's period may still run
    monkeypatch.setattr(shown.view, "_send", stall)
    for _ in range(20):  # the queue is full after two of them
        shown.view.update(1, 0.3, 9.5)
    assert stalled.wait(PATIENCE_S)
    going_on.set()


@needs_viewer
def test_the_demo_tells_where_the_page_is_and_takes_it_away_at_its_end(tmp_path):
    pytest.importorskip("open3d", reason="the simulated rig needs open3d-cpu and libusb-1.0-0")
    command = [sys.executable, "-m", "anyseg_core.cli.main", "demo", "--view", "--frames", "15"]
    with subprocess.Popen(
        [*command, "--output", str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as demo:
        url = next(line.split()[2] for line in demo.stdout if line.startswith("look at "))
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own page
            assert "Rerun" in answer.read().decode()
        rest = demo.stdout.read()
        assert demo.wait(300) == 0, rest
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=5)  # noqa: S310


def test_without_the_viewer_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match="run: pip install rerun-sdk") as told:
        require_viewer()
    assert "\n" not in str(told.value)
    with pytest.raises(MissingDependencyError):
        DemoView(None, None, None)
