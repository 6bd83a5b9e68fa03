"""The demo's processes: none outlives it, and one that fails is told with its last words."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from anyseg_ros.demo.processes import Processes, ProcessFailedError

PARENT = """
import signal, sys, time
from pathlib import Path
from anyseg_ros.demo.processes import Processes
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored where the tests run under nohup
with Processes(Path(sys.argv[1])) as processes:
    processes.start("sleeper", "sleeper", {})
    time.sleep(600)
"""


@pytest.fixture
def modules(tmp_path, monkeypatch):
    (tmp_path / "sleeper.py").write_text(
        "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)\n"
    )
    (tmp_path / "quitter.py").write_text("print('no camera')\nraise SystemExit(3)\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    return tmp_path


def wait_for(condition, what):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"no {what}")


def child_of(folder):
    log = folder / "sleeper.log"
    return int(wait_for(lambda: log.exists() and log.read_text().strip(), "child"))


def is_alive(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGHUP"])
def test_no_process_outlives_a_demo_that_is_killed(modules, name):
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(modules)])
    try:
        child = child_of(modules)
        assert is_alive(child)
        parent.send_signal(getattr(signal, name))
        parent.wait(20)
        wait_for(lambda: not is_alive(child), "end of the child")
    finally:
        parent.kill()
        parent.wait()


def test_leaving_stops_what_runs(modules):
    with Processes(modules) as processes:
        processes.start("sleeper", "sleeper", {})
        child = child_of(modules)
        processes.check()
    assert not is_alive(child)


def test_a_process_that_ends_early_is_told_with_its_last_words(modules):
    with Processes(modules) as processes:
        processes.start("quitter", "quitter", {})

        def told():
            try:
                processes.check()
            except ProcessFailedError as error:
                return str(error)
            return ""

        message = wait_for(told, "error")
    assert "exit code 3" in message
    assert "no camera" in message
