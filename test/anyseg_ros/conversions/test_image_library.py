"""Encodings that only cv_bridge knows; it has no wheel, so a stand-in takes its place here."""

import numpy as np
import pytest
from sensor_msgs.msg import Image

from anyseg_core.errors import RecordError
from anyseg_core.messages import rgb_record
from anyseg_ros.conversions import image_library
from anyseg_ros.conversions.image_library import with_cv_bridge


class BridgeError(Exception):
    pass


class Bridge:
    """Answers as cv_bridge's CvBridge does for nv21, and refuses all else."""

    def imgmsg_to_cv2(self, message, desired_encoding):
        assert desired_encoding == "rgb8"
        if message.encoding != "nv21":
            raise BridgeError("unrecognised")
        return np.full((message.height, message.width, 3), 7, np.uint8)


def image(encoding):
    message = Image(height=2, width=4, encoding=encoding, step=12, data=bytes(24))
    message.header.stamp.sec = 5
    message.header.frame_id = "camera"
    return message


@pytest.fixture
def bridge(monkeypatch):
    monkeypatch.setattr(image_library, "CvBridge", Bridge)
    monkeypatch.setattr(image_library, "CvBridgeError", BridgeError, raising=False)


@pytest.mark.usefixtures("bridge")
def test_an_encoding_that_only_cv_bridge_knows_becomes_a_record():
    record = with_cv_bridge(rgb_record)(image("nv21"))
    assert (record.stamp_ns, record.frame_id) == (5_000_000_000, "camera")
    assert record.image.shape == (2, 4, 3)
    assert (record.image == 7).all()


@pytest.mark.usefixtures("bridge")
def test_known_encodings_never_go_through_cv_bridge():
    assert not with_cv_bridge(rgb_record)(image("rgb8")).image.any()


@pytest.mark.usefixtures("bridge")
def test_what_cv_bridge_refuses_is_refused_with_what_it_said():
    with pytest.raises(RecordError, match="unrecognised"):
        with_cv_bridge(rgb_record)(image("nonsense"))


def test_without_cv_bridge_an_unknown_encoding_is_refused(monkeypatch):
    monkeypatch.setattr(image_library, "CvBridge", None)
    with pytest.raises(RecordError, match="nv21"):
        with_cv_bridge(rgb_record)(image("nv21"))
