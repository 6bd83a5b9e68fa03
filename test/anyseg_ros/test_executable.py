"""A node's program ends as told, in a process of its own because signals are a process's."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import signal
from rclpy.node import Node
from anyseg_core.errors import AnysegError
from anyseg_ros.executable import run_node

class Sample(Node):
    def __init__(self):
        super().__init__("sample")
        self.create_timer(0.01, self.act)

    def act(self):
        {act}

def interrupt():
    signal.raise_signal(signal.SIGINT)

def interrupt_inside_compiled_code():
    try:
        interrupt()
    except KeyboardInterrupt:  # what pybind11 says where a message's conversion is cut short
        raise RuntimeError("Unable to convert call argument")

def fail(error):
    raise error

def make():
    {make}
    return Sample()

def close(node):
    {close}
    print("closed")

run_node("sample", make, close=close)
"""


@pytest.fixture
def run():
    def run(act="pass", make="pass", close="pass"):
        return subprocess.run(
            [sys.executable, "-c", PROGRAM.format(act=act, make=make, close=close)],
            check=False,
            env=os.environ,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.mark.parametrize("act", ["interrupt()", "interrupt_inside_compiled_code()"])
def test_an_interrupted_callback_ends_the_program_well(run, act):
    ended = run(act=act)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "closed\n"
    assert "Traceback" not in ended.stderr


def test_the_signal_to_terminate_ends_the_program_well(run):
    ended = run(act="signal.raise_signal(signal.SIGTERM)")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "closed\n"


def test_a_second_interrupt_does_not_cut_the_clean_up_short(run):
    ended = run(act="interrupt()", close="interrupt()")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "closed\n"


def test_an_interrupt_while_the_node_is_made_ends_without_a_traceback(run):
    ended = run(make="interrupt()")
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""


def test_a_callbacks_own_error_is_not_hidden(run):
    ended = run(act="fail(RuntimeError('of its own'))")
    assert ended.returncode == 1
    assert "RuntimeError: of its own" in ended.stderr
    assert ended.stdout == "closed\n"


def test_a_node_that_cannot_be_made_says_why_and_exits_with_two(run):
    ended = run(make="fail(AnysegError('no such file', 'a file', 'name one'))")
    assert ended.returncode == 2
    assert "no such file" in ended.stderr
    assert "Traceback" not in ended.stderr
