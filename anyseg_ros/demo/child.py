"""Runs a module that ends when the demo does, even if the demo is killed or its terminal closed."""

from __future__ import annotations

import ctypes
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1
"""Linux: the signal that a process gets when its parent is gone (prctl(2))."""


def main() -> None:
    """Run the module named by the first argument as a program, with the arguments after it."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
