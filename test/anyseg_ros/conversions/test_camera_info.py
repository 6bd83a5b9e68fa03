import numpy as np

from anyseg_core.geometry import Camera
from anyseg_core.messages import camera_from_info
from anyseg_ros.conversions.camera_info import camera_info_message


def test_a_camera_survives_the_way_out_and_back():
    camera = Camera(64, 48, ((50, 0, 31.5), (0, 51, 23.5), (0, 0, 1)), (0.1, 0, 0, 0), "plumb_bob")
    message = camera_info_message(camera, 5, "optical")
    again = camera_from_info(message)
    assert np.array_equal(again.matrix, camera.matrix)
    assert tuple(again.distortion) == tuple(camera.distortion)
    assert (message.header.stamp.nanosec, message.header.frame_id) == (5, "optical")
