"""The launch_testing test of this folder, run by the program that ROS 2 has for such tests."""

import subprocess
import sys

import pytest

PATIENCE_S = 600


def test_failures_under_the_launch_file_by_launch_testing(launch_path):
    pytest.importorskip(
        "launch_testing.launch_test", reason="launch_testing is not installed: it comes with ROS 2"
    )
    packages = pytest.importorskip("ament_index_python.packages", reason="there is no ament index")
    try:
        packages.get_package_share_directory("anyseg_ros")
    except (OSError, packages.PackageNotFoundError):
        pytest.skip("anyseg_ros is not in a folder of AMENT_PREFIX_PATH")
    file = launch_path.parents[1] / "test" / "launch" / "failures_launch.py"
    done = subprocess.run(
        [sys.executable, "-m", "launch_testing.launch_test", str(file)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    assert "Ran 3 tests" in done.stdout + done.stderr
