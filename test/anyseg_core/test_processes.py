"""Processes that share the cores and end with their parent."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from anyseg_core.processes import local_processes

PATIENCE_S = 60.0
ORPHANS = """
import os, time
from anyseg_core.processes import local_processes

if __name__ == "__main__":
    with local_processes(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 600)
        time.sleep(600)
"""


def test_processes_share_the_cores_among_them():
    with local_processes(2) as executor:
        found = [executor.submit(os.sched_getaffinity, 0) for _ in range(8)]
        shares = [one.result() for one in found]
    cores = os.sched_getaffinity(0)
    assert all(share <= cores for share in shares)
    assert max(len(share) for share in shares) <= -(-len(cores) // 2)


def test_each_process_begins_with_what_it_is_told(tmp_path):
    with local_processes(1, partial(os.chdir, tmp_path)) as pool:
        assert pool.submit(os.getcwd).result() == str(tmp_path)
    assert Path.cwd() != tmp_path


def test_work_that_has_not_begun_is_not_done_when_the_caller_fails():
    jobs = []

    def fail():
        with local_processes(1) as pool:
            jobs.extend(pool.submit(time.sleep, 0.05) for _ in range(200))
            raise ValueError("of the caller")

    with pytest.raises(ValueError, match="of the caller"):
        fail()
    assert jobs[-1].cancelled()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_no_process_outlives_a_killed_parent(tmp_path):
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS)
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    end = time.monotonic() + PATIENCE_S
    while Path(f"/proc/{child}").exists():
        assert time.monotonic() < end, "the process is still there"
        time.sleep(0.05)
