import cv2
import numpy as np
import pytest

from anyseg_core.messages.image_files import declared_size, unpack_image

PIXELS = np.random.default_rng(1).integers(0, 256, (37, 51, 3), np.uint8)


def file_of(kind, *options):
    ok, data = cv2.imencode(kind, PIXELS, options)
    assert ok
    return data


@pytest.mark.parametrize(
    "data",
    [
        file_of(".png"),
        file_of(".jpg"),
        file_of(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        file_of(".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 4),
    ],
    ids=["png", "jpeg", "progressive jpeg", "jpeg with restarts"],
)
def test_the_size_is_read_off_the_header_without_unpacking(data):
    assert declared_size(data.tobytes()) == (51, 37)
    assert unpack_image(data, cv2.IMREAD_COLOR_RGB).shape == (37, 51, 3)


@pytest.mark.parametrize(("kind", "place"), [(".png", 16), (".jpg", None)])
def test_a_header_that_promises_too_much_is_not_believed(kind, place):
    data = file_of(kind)
    place = data.tobytes().index(b"\x00\x25\x00\x33") if place is None else place
    data[place : place + 4] = 0xFF
    assert unpack_image(data, cv2.IMREAD_COLOR_RGB) is None


@pytest.mark.parametrize("kind", [".png", ".jpg"])
def test_a_file_cut_anywhere_has_no_size_or_its_own(kind):
    data = file_of(kind).tobytes()
    assert {declared_size(data[:size]) for size in range(len(data))} <= {(0, 0), (51, 37)}


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8" + b"\xff" * 30, b"BM" + bytes(60)])
def test_other_bytes_have_no_size(data):
    assert declared_size(data) == (0, 0)
