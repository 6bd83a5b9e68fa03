from types import SimpleNamespace

import numpy as np
import pytest

from anyseg_core.errors import CalibrationError
from anyseg_core.messages import camera_from_info

K = [800.0, 0, 640.0, 0, 790.0, 360.0, 0, 0, 1]
P = [700.0, 0, 630.0, 0, 0, 700.0, 350.0, 0, 0, 0, 1, 0]
WHOLE = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)


def info(**changes):
    fields = {
        "width": 1280, "height": 720, "distortion_model": "plumb_bob", "k": K, "p": P,
        "d": [0.1, -0.2, 0.0, 0.0, 0.0], "roi": WHOLE, "binning_x": 0, "binning_y": 0,
    }  # fmt: skip
    return SimpleNamespace(**(fields | changes))


def test_raw_images_are_described_by_k_and_d():
    camera = camera_from_info(info())
    assert np.array_equal(camera.matrix, np.reshape(K, (3, 3)))
    assert tuple(camera.distortion)[:2] == (0.1, -0.2)
    assert (camera.width, camera.height) == (1280, 720)


@pytest.mark.parametrize("rectified", [False, True])
def test_ros_1_writes_the_same_fields_in_upper_case(rectified):
    ros_1 = info(K=np.array(K), P=np.array(P), D=np.array([0.1, -0.2, 0, 0, 0]))
    del ros_1.k, ros_1.p, ros_1.d
    wanted = camera_from_info(info(), rectified=rectified)
    assert camera_from_info(ros_1, rectified=rectified) == wanted


def test_rectified_images_are_described_by_p_and_have_no_distortion():
    camera = camera_from_info(info(), rectified=True)
    assert camera.matrix[0, 0] == 700
    assert not any(camera.distortion)


def test_binning_shrinks_the_image_and_the_focal_length():
    camera = camera_from_info(info(binning_x=2, binning_y=2))
    assert (camera.width, camera.height) == (640, 360)
    assert camera.matrix[0, 0] == 400
    assert camera.matrix[1, 2] == 180


@pytest.mark.parametrize("rectified", [False, True])
def test_a_region_of_interest_moves_the_principal_point_and_leaves_the_message(rectified):
    k, p = np.array(K), np.array(P)
    region = SimpleNamespace(x_offset=100, y_offset=50, width=400, height=300)
    camera = camera_from_info(info(k=k, p=p, roi=region), rectified=rectified)
    assert (camera.width, camera.height) == (400, 300)
    wanted = (530, 300) if rectified else (540, 310)
    assert (camera.matrix[0, 2], camera.matrix[1, 2]) == wanted
    assert k.tolist() == K
    assert p.tolist() == P


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
