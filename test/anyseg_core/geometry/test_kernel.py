"""Compiled loops accept what drivers send without compiling again."""

import numpy as np
import pytest

from anyseg_core.geometry.kernel import Kernel, array_in, array_out


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
