import array

import cv2
import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from anyseg_core.errors import RecordError
from anyseg_ros.conversions.images import (
    depth_message,
    depth_record,
    event_frame_record,
    image_message,
    rgb_record,
)

HEADER = Header(stamp=Time(sec=3, nanosec=7), frame_id="camera")
RED = (200, 30, 10)


def message(pixels, encoding, *, padding=0, bigendian=False):
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(pixels.shape[0], -1)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=99)
    return Image(
        header=HEADER,
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        step=padded.shape[1],
        is_bigendian=int(bigendian),
        data=array.array("B", padded.tobytes()),
    )


def red_image(channels):
    pixels = np.zeros((4, 6, len(channels)), np.uint8)
    pixels[:] = channels
    return pixels


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    ("encoding", "channels"),
    [
        ("rgb8", RED),
        ("bgr8", RED[::-1]),
        ("rgba8", (*RED, 255)),
        ("bgra8", (*RED[::-1], 255)),
    ],
)
def test_every_colour_order_arrives_as_rgb(encoding, channels, padding):
    record = rgb_record(message(red_image(channels), encoding, padding=padding))
    assert record.image.shape == (4, 6, 3)
    assert (record.image == RED).all()
    assert (record.stamp_ns, record.frame_id) == (3_000_000_007, "camera")


def test_grey_images_become_three_equal_channels():
    ramp = np.arange(24, dtype=np.uint8).reshape(4, 6)
    assert (rgb_record(message(ramp, "mono8")).image == ramp[..., None]).all()


@pytest.mark.parametrize("bigendian", [False, True])
def test_sixteen_bit_grey_keeps_its_brightness(bigendian):
    ramp = (np.arange(24).reshape(4, 6) * 2730).astype(">u2" if bigendian else "<u2")
    image = rgb_record(message(ramp, "mono16", bigendian=bigendian)).image
    assert np.abs(image[..., 0].astype(int) - np.arange(24).reshape(4, 6) * 2730 / 257).max() <= 1


def test_bayer_and_yuv_become_colour():
    mosaic = np.full((8, 8), 10, np.uint8)
    mosaic[0::2, 0::2] = 200  # red sites of rggb
    image = rgb_record(message(mosaic, "bayer_rggb8")).image
    red, green, blue = image[2:-2, 2:-2].reshape(-1, 3).mean(axis=0)
    assert red > 150
    assert max(green, blue) < 60
    grey_uyvy = np.tile(np.array([128, 90], np.uint8), (4, 6, 1))
    assert np.abs(rgb_record(message(grey_uyvy, "yuv422")).image.astype(int) - 86).max() <= 4


def test_compressed_images_are_unpacked_as_rgb():
    ok, data = cv2.imencode(".png", red_image(RED[::-1]))
    assert ok
    packed = CompressedImage(header=HEADER, format="png", data=array.array("B", data.tobytes()))
    assert (rgb_record(packed).image == RED).all()


@pytest.mark.parametrize("data", [b"", b"no image at all"])
def test_a_damaged_compressed_image_is_refused(data):
    packed = CompressedImage(header=HEADER, format="jpeg", data=array.array("B", data))
    with pytest.raises(RecordError, match=f"{len(data)} bytes"):
        rgb_record(packed)


@pytest.mark.parametrize("encoding", ["klingon8", "", "32FC1", "16UC1"])
def test_an_encoding_that_is_no_picture_is_refused_with_the_ones_that_are(encoding):
    bad = message(np.zeros((4, 6, 4), np.uint8), "rgba8")
    bad.encoding = encoding
    with pytest.raises(RecordError, match="rgb8, bgr8"):
        rgb_record(bad)


@pytest.mark.parametrize("change", [{"step": 3}, {"height": 400}, {"width": 0}, {"height": 0}])
@pytest.mark.parametrize("encoding", ["rgb8", "bgr8"])
def test_bytes_that_do_not_add_up_are_refused(change, encoding):
    bad = message(red_image(RED), encoding)
    for name, value in change.items():
        setattr(bad, name, value)
    with pytest.raises(RecordError, match="step"):
        rgb_record(bad)


def test_a_stamp_of_zero_is_refused():
    unstamped = message(red_image(RED), "rgb8")
    unstamped.header = Header(frame_id="camera")
    with pytest.raises(RecordError, match=r"header\.stamp"):
        rgb_record(unstamped)


@pytest.mark.parametrize(
    ("dtype", "encoding", "scale"), [("<u2", "16UC1", 0.001), ("<f4", "32FC1", 1.0)]
)
def test_depth_comes_in_its_own_unit(dtype, encoding, scale):
    values = np.arange(24, dtype=dtype).reshape(4, 6)
    record = depth_record(message(values, encoding, padding=4))
    assert (record.depth == values).all()
    assert record.metres_per_unit == scale


def test_big_endian_depth_is_turned():
    values = np.arange(24, dtype=">u2").reshape(4, 6)
    record = depth_record(message(values, "16UC1", bigendian=True))
    assert record.depth.dtype == np.uint16
    assert (record.depth == values).all()


def test_a_colour_image_is_no_depth():
    with pytest.raises(RecordError, match="REP 118"):
        depth_record(message(red_image(RED), "rgb8"))


def test_depth_survives_the_way_out_and_back():
    values = np.arange(24, dtype=np.uint16).reshape(4, 6)
    record = depth_record(message(values, "16UC1"))
    again = depth_record(depth_message(record))
    assert (again.depth == values).all()
    assert (again.stamp_ns, again.metres_per_unit) == (record.stamp_ns, 0.001)


def test_event_frames_are_read_as_pictures():
    assert (event_frame_record(message(red_image(RED), "rgb8")).image == RED).all()


def test_an_image_message_holds_the_pixels_row_by_row():
    out = image_message(red_image(RED), "rgb8", 5_000_000_001, "optical")
    assert (out.width, out.height, out.step) == (6, 4, 18)
    assert bytes(out.data[:6]) == bytes(RED * 2)
    assert (out.header.stamp.sec, out.header.stamp.nanosec) == (5, 1)
    assert out.header.frame_id == "optical"
