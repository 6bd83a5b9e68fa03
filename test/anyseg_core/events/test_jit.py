"""Kernels where no cache can be written."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
from numba.core import caching

from anyseg_core.events.jit import kernel, kernel_input

IMPORT_PROGRAM = """
from anyseg_core.events import open_decoder
print(len(open_decoder("mono", 9, 9).decode(bytes(16))))
"""


def twice(value):
    return 2 * value


def test_without_a_folder_for_the_cache_a_kernel_is_compiled_in_memory(monkeypatch):
    for name in dir(caching):
        implementation = getattr(caching, name)
        if isinstance(implementation, type) and hasattr(implementation, "_locator_classes"):
            monkeypatch.setattr(implementation, "_locator_classes", [])
    compiled = kernel(twice)
    assert compiled(21) == 42
    assert compiled.nopython_signatures


def test_an_unusable_cache_folder_does_not_break_the_import():
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_PROGRAM],
        env={
            **os.environ,
            "NUMBA_CACHE_DIR": "/proc/no/such/folder",
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr


def test_kernel_input_copies_only_what_it_must():
    array = np.arange(5, dtype=np.int64)
    view = kernel_input(array, np.int64)
    assert np.shares_memory(view, array)
    assert not view.flags.writeable
    assert array.flags.writeable
    assert kernel_input(array[::2], np.int64).tolist() == [0, 2, 4]
