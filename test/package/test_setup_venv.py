"""The set-up script says in one line what is missing, and installs in the right order.

It runs here with a Python, a df, an id and an apt-get that only pretend, so nothing is installed.
"""

import os
import subprocess

import pytest

PYTHON = """#!/bin/sh
# Pretends to be Python: answers what the script asks, and writes down what it is told to do.
case "$*" in
*version_info*) [ ! -e "$STATE/wrong-python" ] ;;
*ctypes*) [ ! -e "$STATE/no-library" ] || [ "$3" != libusb-1.0.so.0 ] ;;
"--version") echo Python 3.11.0 ;;
"-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
"-m pip install"*)
    echo "$*" >>"$STATE/installed"
    if [ -e "$STATE/pip-says" ]; then cat "$STATE/pip-says" >&2; exit 1; fi ;;
esac
"""
DF = """#!/bin/sh
echo Filesystem 1024-blocks Used Available Capacity Mounted
echo disk 9999999 1 "$(cat "$STATE/free-kb")" 1% /
"""
APT_GET = """#!/bin/sh
echo "apt-get $*" >>"$STATE/apt"
case "$1" in install) [ -e "$STATE/no-network" ] || rm -f "$STATE/no-library" ;; esac
"""
ID = """#!/bin/sh
cat "$STATE/user"
"""


class Machine:
    """A machine that pretends, and the script run on it."""

    def __init__(self, folder, root):
        self.state = folder / "state"
        self.venv = folder / "venv"
        self._script = root / "scripts" / "setup_venv"
        self._path = folder / "bin"
        for path in (self.state, self._path):
            path.mkdir()
        for name, source in {"python3.11": PYTHON, "df": DF, "apt-get": APT_GET, "id": ID}.items():
            program = self._path / name
            program.write_text(source, encoding="utf-8")
            program.chmod(0o755)
        self.has("free-kb", "50000000")
        self.has("user", "1000")

    def has(self, fact, text=""):
        (self.state / fact).write_text(text, encoding="utf-8")

    def told(self, program):
        return (self.state / program).read_text(encoding="utf-8").splitlines()

    def set_up(self):
        environment = {
            "PATH": f"{self._path}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "STATE": str(self.state),
            "PYTHON": "python3.11",
        }
        return subprocess.run(
            [self._script, self.venv], env=environment, capture_output=True, text=True, check=False
        )

    def complaint(self):
        """Return the one line on standard error with which the set-up fails."""
        done = self.set_up()
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        return line


@pytest.fixture
def machine(tmp_path, root):
    return Machine(tmp_path, root)


def test_pytorch_is_installed_first_and_by_itself(machine):
    done = machine.set_up()
    assert done.returncode == 0, done.stderr
    installed = [line.split("constraints.txt ")[1] for line in machine.told("installed")]
    order = ["setuptools", "torch", "ros-rclpy"]
    assert [line.split()[0] for line in installed[:3]] == order
    assert installed[1] == "torch"
    assert installed[3].endswith(
        "--editable .[ros,bags,simulation,onnx,openvino,train,report,teacher,cluster,docs,dev]"
    )


def test_every_step_is_counted(machine):
    lines = machine.set_up().stdout.splitlines()
    assert [line[:5] for line in lines[1:]] == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]


def test_everything_is_held_to_the_constraints(machine):
    machine.set_up()
    assert all("--constraint constraints.txt" in line for line in machine.told("installed"))


def test_wrong_python_is_named(machine):
    machine.has("wrong-python")
    assert "Python 3.11 or 3.12" in machine.complaint()


def test_too_little_disk_is_named_with_both_figures(machine):
    machine.has("free-kb", "1048576")
    assert "1024 MB free here, 6 GB needed" in machine.complaint()


def test_little_disk_does_not_stop_what_was_set_up_before(machine):
    machine.set_up()
    (machine.venv / "bin" / "anyseg").touch(mode=0o755)
    machine.has("free-kb", "1048576")
    assert machine.set_up().returncode == 0


def test_missing_library_gets_the_one_command_for_an_ordinary_user(machine):
    machine.has("no-library")
    said = machine.complaint()
    assert "sudo apt-get install -y --no-install-recommends libusb-1.0-0 " in said
    assert not (machine.state / "apt").exists()


def test_missing_library_is_installed_for_root(machine):
    machine.has("no-library")
    machine.has("user", "0")
    assert machine.set_up().returncode == 0
    wanted = "apt-get install -y --no-install-recommends libusb-1.0-0"
    assert machine.told("apt") == ["apt-get update", wanted]


def test_library_that_cannot_be_installed_is_named(machine):
    for fact in ("no-library", "no-network"):
        machine.has(fact)
    machine.has("user", "0")
    assert "could not install libusb-1.0-0" in machine.complaint()


@pytest.mark.parametrize(
    ("pip_says", "wanted"),
    [
        (
            "WARNING: Retrying: NewConnectionError('Network is unreachable')",
            "cannot reach the package index",
        ),
        ("OSError: [Errno 28] No space left on device", "no space left on the disk"),
        ("ERROR: Could not find a version that satisfies it", "ERROR: Could not find a version"),
    ],
)
def test_failure_of_pip_becomes_one_line(machine, pip_says, wanted):
    machine.has("pip-says", f"{pip_says}\n")
    assert wanted in machine.complaint()
