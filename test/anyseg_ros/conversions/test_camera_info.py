import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, RegionOfInterest

from anyseg_core.errors import CalibrationError
from anyseg_core.geometry import Camera
from anyseg_ros.conversions.camera_info import camera_from_info, camera_info_message

K = [800.0, 0, 640.0, 0, 790.0, 360.0, 0, 0, 1]
P = [700.0, 0, 630.0, 0, 0, 700.0, 350.0, 0, 0, 0, 1, 0]


def info(**changes):
    message = CameraInfo(
        width=1280, height=720, distortion_model="plumb_bob", d=[0.1, -0.2, 0.0, 0.0, 0.0], k=K, p=P
    )
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def test_raw_images_are_described_by_k_and_d():
    camera = camera_from_info(info())
    assert np.array_equal(camera.matrix, np.reshape(K, (3, 3)))
    assert tuple(camera.distortion)[:2] == (0.1, -0.2)
    assert (camera.width, camera.height) == (1280, 720)


def test_rectified_images_are_described_by_p_and_have_no_distortion():
    camera = camera_from_info(info(), rectified=True)
    assert camera.matrix[0, 0] == 700
    assert not any(camera.distortion)


def test_binning_shrinks_the_image_and_the_focal_length():
    camera = camera_from_info(info(binning_x=2, binning_y=2))
    assert (camera.width, camera.height) == (640, 360)
    assert camera.matrix[0, 0] == 400
    assert camera.matrix[1, 2] == 180


def test_a_region_of_interest_moves_the_principal_point():
    region = RegionOfInterest(x_offset=100, y_offset=50, width=400, height=300)
    camera = camera_from_info(info(roi=region))
    assert (camera.width, camera.height) == (400, 300)
    assert (camera.matrix[0, 2], camera.matrix[1, 2]) == (540, 310)


@pytest.mark.parametrize(
    "changes",
    [
        {"k": [0.0] * 9},
        {"k": [float("nan"), *K[1:]]},
        {"width": 0},
        {"distortion_model": "kaleidoscope"},
        {"d": [0.1] * 7},
    ],
    ids=str,
)
def test_what_no_camera_can_have_is_refused(changes):
    with pytest.raises(CalibrationError):
        camera_from_info(info(**changes))


def test_a_camera_survives_the_way_out_and_back():
    camera = Camera(64, 48, ((50, 0, 31.5), (0, 51, 23.5), (0, 0, 1)), (0.1, 0, 0, 0), "plumb_bob")
    again = camera_from_info(camera_info_message(camera, 5, "optical"))
    assert np.array_equal(again.matrix, camera.matrix)
    assert tuple(again.distortion) == tuple(camera.distortion)
