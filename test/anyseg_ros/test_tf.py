"""Extrinsics from TF, against the interface of tf2_ros: the package need not be there."""

from types import SimpleNamespace

import numpy as np
import pytest

import anyseg_ros.tf
from anyseg_core.errors import CalibrationError
from anyseg_ros.tf import TfExtrinsics


class Tf:
    """What ``TfExtrinsics`` uses of tf2_ros, with one transform that a test may change."""

    class TransformException(Exception):  # noqa: N818 - tf2_ros's own name
        """As in tf2_ros."""

    def __init__(self):
        self.translation, self.rotation = (0.1, -0.2, 0.3), (0.5, -0.5, 0.5, 0.5)
        self.known = {("camera", "lidar")}
        self.listening = []

    def Buffer(self):  # noqa: N802 - tf2_ros's own name
        return self

    def TransformListener(self, buffer, node):  # noqa: N802 - likewise
        self.listening.append((buffer, node))

    def lookup_transform(self, target, source, time):
        assert time.nanoseconds == 0  # the latest
        if (target, source) not in self.known:
            raise self.TransformException(f"{source} is not connected")
        x, y, z = self.translation
        qx, qy, qz, qw = self.rotation
        return SimpleNamespace(
            transform=SimpleNamespace(
                translation=SimpleNamespace(x=x, y=y, z=z),
                rotation=SimpleNamespace(x=qx, y=qy, z=qz, w=qw),
            )
        )


@pytest.fixture(autouse=True)
def tf(monkeypatch):
    tf = Tf()
    monkeypatch.setattr(anyseg_ros.tf, "tf2_ros", tf)
    return tf


def test_the_pose_is_that_of_the_sensor_in_the_camera(tf):
    node = object()
    pose = TfExtrinsics(node).camera_from_sensor("lidar", "camera", "lidar")
    assert tf.listening == [(tf, node)]
    # the usual optical axes: what is ahead (x) of the LiDAR is at z of the camera
    assert np.allclose(pose[:3, :3], ((0, -1, 0), (0, 0, -1), (1, 0, 0)))
    assert np.allclose(pose[:3, 3], (0.1, -0.2, 0.3))


def test_a_transform_that_changes_takes_effect(tf):
    extrinsics = TfExtrinsics(object())
    tf.translation = (1.0, 2.0, 3.0)
    assert np.allclose(
        extrinsics.camera_from_sensor("lidar", "camera", "lidar")[:3, 3], (1.0, 2.0, 3.0)
    )


def test_an_unknown_transform_is_an_error_and_never_identity():
    with pytest.raises(CalibrationError, match=r"not connected.*'camera' from 'event' \(event\)"):
        TfExtrinsics(object()).camera_from_sensor("event", "camera", "event")


def test_a_rotation_that_is_none_is_refused(tf):
    tf.rotation = (0.0, 0.0, 0.0, 0.0)
    with pytest.raises(CalibrationError, match="quaternion of length 0"):
        TfExtrinsics(object()).camera_from_sensor("lidar", "camera", "lidar")


def test_without_tf2_ros_the_reason_says_so(monkeypatch):
    monkeypatch.setattr(anyseg_ros.tf, "tf2_ros", None)
    with pytest.raises(CalibrationError, match=r"no tf2_ros package.*calibration_file"):
        TfExtrinsics(object()).camera_from_sensor("lidar", "camera", "lidar")
