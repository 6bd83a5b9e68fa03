import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyseg_core.errors import RecordError
from anyseg_core.messages import depth_record, event_frame_record, rgb_record
from anyseg_core.messages.image_layouts import COLOUR_LAYOUTS, DEPTH_LAYOUTS

RED = (200, 30, 10)


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
def test_every_colour_order_arrives_as_rgb(make, wrap, encoding, channels, padding):
    record = rgb_record(make.image(red_image(channels), encoding, padding=padding, wrap=wrap))
    assert record.image.shape == (4, 6, 3)
    assert record.image.dtype == np.uint8
    assert (record.image == RED).all()
    assert (record.stamp_ns, record.frame_id) == (2_000_000_005, "camera")


@pytest.mark.parametrize("bigendian", [False, True])
@pytest.mark.parametrize(("encoding", "order"), [("rgb16", (0, 1, 2)), ("bgra16", (2, 1, 0, 0))])
def test_colours_of_sixteen_bits_lose_their_lower_half(make, encoding, order, bigendian):
    wide = (red_image(RED)[..., list(order)].astype(np.uint16) * 257).astype(
        ">u2" if bigendian else "<u2"
    )
    assert (rgb_record(make.image(wide, encoding, bigendian=bigendian)).image == RED).all()


def test_grey_images_become_three_equal_channels(make):
    ramp = np.arange(24, dtype=np.uint8).reshape(4, 6)
    assert (rgb_record(make.image(ramp, "mono8", padding=3)).image == ramp[..., None]).all()


@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize("bigendian", [False, True])
def test_sixteen_bit_grey_keeps_its_brightness(make, bigendian, padding):
    ramp = (np.arange(24).reshape(4, 6) * 2730).astype(">u2" if bigendian else "<u2")
    message = make.image(ramp, "mono16", bigendian=bigendian, padding=padding)
    image = rgb_record(message).image
    assert np.abs(image[..., 0].astype(int) - np.arange(24).reshape(4, 6) * 2730 / 257).max() <= 1


RED_SITE = {"rggb": (0, 0), "bggr": (1, 1), "gbrg": (1, 0), "grbg": (0, 1)}


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("order", RED_SITE)
def test_every_bayer_pattern_finds_its_red(make, order, bits):
    mosaic = np.full((8, 8), 10, np.uint8)
    row, column = RED_SITE[order]
    mosaic[row::2, column::2] = 200
    wide = mosaic if bits == 8 else mosaic.astype("<u2") * 257
    image = rgb_record(make.image(wide, f"bayer_{order}{bits}")).image
    red, green, blue = image[2:-2, 2:-2].reshape(-1, 3).mean(axis=0)
    assert red > 150
    assert max(green, blue) < 60


@pytest.mark.parametrize("encoding", ["yuv422", "uyvy", "yuyv", "yuv422_yuy2"])
def test_luminance_and_colour_of_yuv_are_told_apart(make, encoding):
    chroma_first = encoding in ("yuv422", "uyvy")
    grey = np.tile(np.array([128, 90] if chroma_first else [90, 128], np.uint8), (4, 6, 1))
    image = rgb_record(make.image(grey, encoding)).image.astype(int)
    assert np.abs(image - (90 - 16) * 255 / 219).max() <= 2
    bluish = grey.copy()
    bluish[:, 0::2, 0 if chroma_first else 1] = 240  # U stands at the even pixels
    red, green, blue = rgb_record(make.image(bluish, encoding)).image.reshape(-1, 3).mean(axis=0)
    assert blue > 200 > max(red, green)


def test_yuv_of_an_odd_width_is_refused(make):
    with pytest.raises(RecordError, match="yuv422"):
        rgb_record(make.image(np.zeros((4, 5, 2), np.uint8), "yuv422"))


@settings(deadline=None)
@given(
    st.sampled_from(sorted(COLOUR_LAYOUTS)),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.integers(0, 3),
    st.booleans(),
    st.data(),
)
def test_any_image_is_read_or_refused(make, encoding, size, padding, bigendian, data):
    layout = COLOUR_LAYOUTS[encoding]
    count = size[0] * size[1] * layout.pixel_bytes
    pixels = np.frombuffer(data.draw(st.binary(min_size=count, max_size=count)), np.uint8)
    message = make.image(
        pixels.reshape(*size, layout.pixel_bytes), encoding, padding=padding, bigendian=bigendian
    )
    try:
        image = rgb_record(message).image
    except RecordError:
        return
    assert image.shape == (*size, 3)
    assert image.dtype == np.uint8


@pytest.mark.parametrize(("kind", "format_text"), [(".png", "rgb8; png compressed bgr8"),
                                                   (".jpg", "jpeg")])  # fmt: skip
def test_compressed_images_are_unpacked_as_rgb(make, wrap, kind, format_text):
    ok, data = cv2.imencode(kind, red_image(RED[::-1]))
    assert ok
    image = rgb_record(make.compressed(wrap(data.tobytes()), format_text)).image
    assert np.abs(image.astype(int) - RED).max() <= (0 if kind == ".png" else 6)


@pytest.mark.parametrize("data", [b"", b"no image at all"])
def test_a_damaged_compressed_image_is_refused(make, data):
    with pytest.raises(RecordError, match=f"{len(data)} bytes"):
        rgb_record(make.compressed(data, "jpeg"))


@pytest.mark.parametrize("encoding", ["klingon8", "", "32FC1", "16UC1"])
def test_an_encoding_that_is_no_picture_is_refused_with_the_ones_that_are(make, encoding):
    bad = make.image(np.zeros((4, 6, 4), np.uint8), "rgba8")
    bad.encoding = encoding
    with pytest.raises(RecordError, match="rgb8, bgr8"):
        rgb_record(bad)


@pytest.mark.parametrize("change", [{"step": 3}, {"height": 400}, {"width": 0}, {"height": 0}])
@pytest.mark.parametrize("encoding", ["rgb8", "bgr8"])
def test_bytes_that_do_not_add_up_are_refused(make, change, encoding):
    bad = make.image(red_image(RED), encoding)
    vars(bad).update(change)
    with pytest.raises(RecordError, match="step"):
        rgb_record(bad)


def test_a_stamp_of_zero_is_refused(make):
    unstamped = make.image(red_image(RED), "rgb8")
    unstamped.header = make.header(sec=0, nanosec=0)
    with pytest.raises(RecordError, match=r"header\.stamp"):
        rgb_record(unstamped)


@pytest.mark.parametrize("bigendian", [False, True])
@pytest.mark.parametrize("encoding", sorted(DEPTH_LAYOUTS))
def test_depth_comes_in_its_own_unit(make, wrap, encoding, bigendian):
    dtype = np.dtype(DEPTH_LAYOUTS[encoding].code).newbyteorder(">" if bigendian else "<")
    values = np.arange(24, dtype=dtype).reshape(4, 6)
    record = depth_record(make.image(values, encoding, padding=4, bigendian=bigendian, wrap=wrap))
    assert (record.depth == values).all()
    assert record.depth.dtype.isnative
    assert record.metres_per_unit == (1.0 if encoding == "32FC1" else 0.001)


def test_a_colour_image_is_no_depth(make):
    with pytest.raises(RecordError, match="REP 118"):
        depth_record(make.image(red_image(RED), "rgb8"))


def test_event_frames_are_read_as_pictures(make):
    assert (event_frame_record(make.image(red_image(RED), "rgb8")).image == RED).all()
