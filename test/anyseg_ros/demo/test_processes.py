"""The demo's processes: none outlives it, and one that fails is told with its last words."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from anyseg_ros.demo.processes import (
    FAST_DDS_PROFILES,
    Processes,
    ProcessFailedError,
    isolate_ros,
)

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


TALKER = """
import sys, time, rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node("talker")
sender = node.create_publisher(Image, "large", qos_profile_sensor_data)
while not sender.get_subscription_count():
    time.sleep(0.02)
time.sleep(0.5)
for number in range(10):
    image = Image(height=720, width=1280, step=3840, encoding="rgb8")
    image.header.stamp.sec = number
    image.data.frombytes(bytes(720 * 3840))
    sender.publish(image)
    time.sleep(0.1)
time.sleep(1.0)
"""
LISTENER = """
import sys, time, rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node("listener")
seen = set()
node.create_subscription(
    Image, "large", lambda image: seen.add(image.header.stamp.sec), qos_profile_sensor_data
)
end = time.monotonic() + 40
while time.monotonic() < end and 9 not in seen:
    rclpy.spin_once(node, timeout_sec=0.05)
print(len(seen))
"""


def test_images_far_larger_than_fast_dds_own_memory_arrive(monkeypatch):
    for name in FAST_DDS_PROFILES:
        monkeypatch.delenv(name, raising=False)
    for name in ("ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_DOMAIN_ID"):
        monkeypatch.setenv(name, "")  # brought back afterwards
    isolate_ros()
    listener = subprocess.Popen([sys.executable, "-c", LISTENER], stdout=subprocess.PIPE)
    talker = subprocess.Popen([sys.executable, "-c", TALKER])
    try:
        out, _ = listener.communicate(timeout=60)
    finally:
        talker.kill()
        talker.wait()
        listener.kill()
    assert int(out) >= 8  # without it: 0 to 3 of 10


def test_a_users_own_settings_of_fast_dds_are_left_alone(monkeypatch):
    monkeypatch.setenv(FAST_DDS_PROFILES[1], "their.xml")
    monkeypatch.delenv(FAST_DDS_PROFILES[0], raising=False)
    for name in ("ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_DOMAIN_ID"):
        monkeypatch.setenv(name, "")
    isolate_ros()
    assert FAST_DDS_PROFILES[0] not in os.environ
