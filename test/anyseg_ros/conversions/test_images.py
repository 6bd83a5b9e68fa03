import numpy as np
import pytest

from anyseg_core.messages import depth_record, event_frame_record, rgb_record
from anyseg_core.types import DepthRecord, EventFrameRecord, RgbRecord
from anyseg_ros.conversions.images import image_message, image_record_message

COLOURS = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)


@pytest.mark.parametrize(
    ("depth", "metres_per_unit"),
    [
        (np.arange(24, dtype=np.uint16).reshape(4, 6), 0.001),
        (np.linspace(0, 9, 24, dtype=np.float32).reshape(4, 6), 1.0),
    ],
    ids=["16UC1", "32FC1"],
)
def test_depth_survives_the_way_out_and_back(depth, metres_per_unit):
    again = depth_record(
        image_record_message(DepthRecord(3_000_000_007, "camera", depth, metres_per_unit))
    )
    assert np.array_equal(again.depth, depth)
    assert again.depth.dtype == depth.dtype
    assert (again.stamp_ns, again.metres_per_unit) == (3_000_000_007, metres_per_unit)


@pytest.mark.parametrize(
    ("kind", "read"), [(RgbRecord, rgb_record), (EventFrameRecord, event_frame_record)]
)
def test_pictures_survive_the_way_out_and_back(kind, read):
    again = read(image_record_message(kind(3_000_000_007, "camera", COLOURS)))
    assert np.array_equal(again.image, COLOURS)
    assert (again.stamp_ns, again.frame_id) == (3_000_000_007, "camera")


def test_an_image_message_holds_the_pixels_row_by_row():
    out = image_message(COLOURS, "rgb8", 5_000_000_001, "optical")
    assert (out.width, out.height, out.step) == (6, 4, 18)
    assert bytes(out.data) == COLOURS.tobytes()
    assert (out.header.stamp.sec, out.header.stamp.nanosec) == (5, 1)
    assert out.header.frame_id == "optical"


def test_a_part_of_a_picture_is_sent_as_it_looks():
    out = image_message(COLOURS[:, ::2], "rgb8", 1, "optical")
    assert bytes(out.data) == COLOURS[:, ::2].tobytes()
    assert out.step == 9
