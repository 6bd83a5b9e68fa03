import struct

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyseg_core.errors import RecordError
from anyseg_core.messages import depth_record

QUANTISED = np.array([[0, 1000, 2000], [3000, 40000, 65535]], np.uint16)


def packed(values, factor=0.0, shift=0.0):
    """The bytes by the transport's definition: format 0, the two parameters, a PNG of 16 bits."""
    ok, png = cv2.imencode(".png", values)
    assert ok
    return struct.pack("<iff", 0, factor, shift) + png.tobytes()


@pytest.mark.parametrize("name", ["16UC1; compressedDepth png", "16UC1; compressedDepth"])
def test_millimetres_come_back_as_they_were(make, wrap, name):
    record = depth_record(make.compressed(wrap(packed(QUANTISED)), name))
    assert record.depth.dtype == np.uint16
    assert np.array_equal(record.depth, QUANTISED)
    assert record.metres_per_unit == 0.001


def test_metres_come_back_from_the_quantised_inverse(make):
    """By hand, for depth_max 10 m and a quantisation of 100: A = 100 * 101, B = 1 - A / 10."""
    factor, shift = 10_100.0, 1.0 - 1010.0
    record = depth_record(
        make.compressed(packed(QUANTISED, factor, shift), "32FC1; compressedDepth png")
    )
    assert record.metres_per_unit == 1.0
    assert record.depth.dtype == np.float32
    assert np.isnan(record.depth[0, 0])
    assert record.depth[0, 1] == pytest.approx(10_100 / (1000 + 1009))
    assert record.depth[1, 2] == pytest.approx(10_100 / (65535 + 1009))


def test_a_png_of_sixteen_bits_holds_millimetres(make):
    data = packed(QUANTISED)[12:]
    assert np.array_equal(
        depth_record(make.compressed(data, "16UC1; png compressed")).depth, QUANTISED
    )


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (packed(QUANTISED), "32FC1; compressedDepth rvl", "png"),
        (packed(QUANTISED), "8UC1; compressedDepth png", "16UC1 or 32FC1"),
        (packed(QUANTISED)[:12], "16UC1; compressedDepth png", "12 bytes"),
        (packed(QUANTISED)[:30], "16UC1; compressedDepth png", "whole PNG"),
        (packed(QUANTISED.astype(np.uint8)), "16UC1; compressedDepth png", "16-bit grey"),
        (b"", "16UC1; compressedDepth png", "0 bytes"),
        (b"", "png", "0 bytes"),
    ],
)
def test_what_is_no_such_image_is_refused(make, data, name, said):
    with pytest.raises(RecordError, match=said):
        depth_record(make.compressed(data, name))


@settings(deadline=None)
@given(
    st.integers(0, 200), st.lists(st.tuples(st.integers(0, 199), st.integers(0, 255)), max_size=5)
)
def test_damaged_bytes_are_refused_or_read_but_never_crash(make, size, changes):
    data = bytearray(packed(QUANTISED, 10_100.0, -1009.0))
    for place, value in changes:
        if not 28 <= place < 36:  # width and height: test_image_files
            data[place % len(data)] = value
    for name in ("16UC1; compressedDepth png", "32FC1; compressedDepth png"):
        try:
            depth = depth_record(make.compressed(bytes(data[:size]), name)).depth
        except RecordError:
            continue
        assert depth.ndim == 2
