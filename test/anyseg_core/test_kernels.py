"""Compiled loops accept what drivers send without compiling again."""

import os
import subprocess
import sys

import numpy as np
import pytest
from numba.core import caching

from anyseg_core.kernels import Kernel, array_in, array_out, constants, constants_in

IMPORT_PROGRAM = """
from anyseg_core.events import open_decoder
print(len(open_decoder("mono", 9, 9).decode(bytes(16))))
"""

CACHE_PROGRAM = """
from anyseg_core.events import counts
from anyseg_core.kernels import Kernel, compile_kernels
from anyseg_core.projection import labels
compile_kernels(counts, labels)
loops = [v for m in (counts, labels) for v in vars(m).values() if isinstance(v, Kernel)]
stats = [loop._dispatcher.stats for loop in loops]
print(*(sum(sum(getattr(s, n).values()) for s in stats) for n in ("cache_hits", "cache_misses")))
"""

OTHER_FILE = """
from anyseg_core.kernels import device
FACTOR = 2
@device
def scaled(value):
    return value * {factor}
"""

LOOP_FILE = """
from anyseg_core.kernels import array_out, kernel
from other import FACTOR, scaled
@kernel((array_out("int64", 1),))
def fill(out):
    for i in range(out.size):
        out[i] = FACTOR * scaled(i)
if __name__ == "__main__":
    import numpy as np
    out = np.zeros(3, np.int64)
    fill(out)
    print(out.tolist(), sum(fill._dispatcher.stats.cache_hits.values()))
"""


def run_python(arguments, folder, **environment):
    """Run a fresh interpreter whose compiled loops are kept in ``folder``."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env={
            **os.environ,
            "NUMBA_CACHE_DIR": str(folder),
            "PYTHONPATH": os.pathsep.join(sys.path),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def double(values, out):
    for i in range(len(values)):
        out[i] = 2 * values[i]


def unaligned(count):
    packed = np.zeros(count, np.dtype([("flag", "u1"), ("value", "f4")]))
    packed["value"] = np.arange(count)
    return packed["value"]


def read_only(count):
    values = np.arange(count, dtype=np.float32)
    values.flags.writeable = False
    return values


@pytest.fixture(scope="module")
def loop():
    return Kernel(double, ((array_in("float32", 1), array_out("float32", 1)),))


@pytest.mark.parametrize(
    "values",
    [np.arange(5, dtype=np.float32), np.arange(10, dtype=np.float32)[::-2], unaligned(5),
     read_only(5), np.zeros(0, np.float32)],
    ids=["contiguous", "strided", "unaligned", "read-only", "empty"],
)  # fmt: skip
def test_one_compiled_loop_takes_every_kind_of_array(loop, values):
    out = np.empty(len(values), np.float32)
    loop(values, out)
    assert np.array_equal(out, 2 * values)
    assert len(loop._dispatcher.signatures) == 1


def test_an_array_of_a_type_that_was_not_listed_is_refused_not_compiled(loop):
    with pytest.raises(TypeError):
        loop(np.zeros(2), np.empty(2, np.float32))
    assert len(loop._dispatcher.signatures) == 1


def test_without_a_folder_for_the_cache_a_loop_is_compiled_in_memory(monkeypatch):
    for name in dir(caching):
        implementation = getattr(caching, name)
        if isinstance(implementation, type) and hasattr(implementation, "_locator_classes"):
            monkeypatch.setattr(implementation, "_locator_classes", [])
    values, out = np.arange(3, dtype=np.float32), np.empty(3, np.float32)
    Kernel(double, ((array_in("float32", 1), array_out("float32", 1)),))(values, out)
    assert out.tolist() == [0, 2, 4]


def total(values, out):
    found = np.float32(0)
    for i in range(values.size):
        found += values[i]
    out[0] = found


def test_sums_may_be_added_up_in_another_order_where_a_loop_allows_it():
    signature = (constants_in("float32", 1), array_out("float32", 1))
    values = np.random.default_rng(0).random(10_000, np.float32)
    sums = np.empty((2, 1), np.float32)
    for reassociated, out in zip((False, True), sums, strict=True):
        summing = Kernel(total, (signature,), reassociated=reassociated)
        summing(constants(values, np.float32), out)
    in_order = np.add.accumulate(values, dtype=np.float32)[-1]
    assert sums[0] == in_order
    assert sums[1] != in_order  # several at once, and so nearer to the truth
    assert abs(sums[1] - values.sum(dtype=np.float64)) < abs(
        in_order - values.sum(dtype=np.float64)
    )


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


def test_constants_copies_only_what_it_must():
    array = np.arange(5, dtype=np.int64)
    view = constants(array, np.int64)
    assert np.shares_memory(view, array)
    assert not view.flags.writeable
    assert array.flags.writeable
    assert constants(array[::2], np.int64).tolist() == [0, 2, 4]


def test_what_one_process_compiled_the_next_one_loads(tmp_path):
    first, second = (run_python(["-c", CACHE_PROGRAM], tmp_path).split() for _ in range(2))
    compiled = int(first[1])
    assert (int(first[0]), compiled >= 8) == (0, True)
    assert [int(number) for number in second] == [compiled, 0]


def test_the_cache_notices_a_change_of_a_function_or_constant_of_another_file(tmp_path):
    other, loop = tmp_path / "other.py", tmp_path / "loop.py"
    loop.write_text(LOOP_FILE)
    said = []
    for text in (OTHER_FILE, OTHER_FILE, OTHER_FILE.replace("{factor}", "5")):
        other.write_text(text.replace("{factor}", "3"))
        said.append(run_python([str(loop)], tmp_path / "cache", PYTHONDONTWRITEBYTECODE="1"))
    other.write_text(OTHER_FILE.replace("{factor}", "5").replace("= 2", "= 7"))
    said.append(run_python([str(loop)], tmp_path / "cache", PYTHONDONTWRITEBYTECODE="1"))
    assert said == ["[0, 6, 12] 0", "[0, 6, 12] 1", "[0, 10, 20] 0", "[0, 35, 70] 0"]
