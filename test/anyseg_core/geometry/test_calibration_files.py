"""Four calibration formats are read; each wrong value is named with its file and key."""

import json
from contextlib import suppress

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from anyseg_core.errors import CalibrationError
from anyseg_core.geometry import Calibration, Camera, load_calibration, save_calibration

OWN = """
anyseg_calibration: 1
cameras:
  rgb:
    frame: rgb_optical
    width: 640
    height: 480
    matrix: [[500, 0, 320], [0, 510, 240], [0, 0, 1]]
    distortion: [-0.1, 0.02, 1e-3, 0, 0]
  event: {width: 1280, height: 720, model: equidistant, matrix: [900, 0, 640, 0, 900, 360, 0, 0, 1]}
transforms:
  - target: rgb_optical
    source: lidar
    translation: [0, 0.1, -0.2]
    quaternion: [0.5, -0.5, 0.5, 0.5]
  - target: event
    source: rgb_optical
    matrix: [[1, 0, 0, 0.05], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
"""

KALIBR = """
cam0:
  cam_overlaps: [1]
  camera_model: pinhole
  distortion_coeffs: [-0.27, 0.067, 0.00087, 0.00011]
  distortion_model: radtan
  intrinsics: [461.6, 460.1, 362.6, 246.0]
  resolution: [752, 480]
  rostopic: /cam0/image_raw
  T_cam_imu:
  - [0.0, -1.0, 0.0, 0.01]
  - [0.0, 0.0, -1.0, 0.02]
  - [1.0, 0.0, 0.0, 0.03]
  - [0.0, 0.0, 0.0, 1.0]
cam1:
  camera_model: pinhole
  distortion_coeffs: [0.01, 0.02, 0.003, 0.004]
  distortion_model: equidistant
  intrinsics: [458.6, 457.2, 367.2, 248.3]
  resolution: [752, 480]
  T_cn_cnm1:
  - [1.0, 0.0, 0.0, -0.11]
  - [0.0, 1.0, 0.0, 0.0]
  - [0.0, 0.0, 1.0, 0.0]
  - [0.0, 0.0, 0.0, 1.0]
"""

KITTI = """P0: 700 0 600 0 0 700 170 0 0 0 1 0
P2: 700 0 600 45.0 0 700 170 0.2 0 0 1 0.003
R0_rect: 1 0 0 0 1 0 0 0 1
Tr_velo_to_cam: 0 -1 0 -0.01 0 0 -1 -0.07 1 0 0 -0.27
Tr_imu_to_velo: 1 0 0 -0.8 0 1 0 0.3 0 0 1 -0.8
"""

MUSES = {
    "intrinsics": {
        "rgb": {"K": [[1000, 0, 960], [0, 1000, 540], [0, 0, 1]]},
        "event": {"K": [[900, 0, 640], [0, 900, 360], [0, 0, 1]]},
    },
    "extrinsics": {
        "lidar2rgb": [[0, -1, 0, 0.1], [0, 0, -1, 0.2], [1, 0, 0, 0.3], [0, 0, 0, 1]],
        "event2rgb": [[1, 0, 0, 0.1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
        "lidar2gnss": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1.5], [0, 0, 0, 1]],
    },
}


@pytest.fixture
def write(tmp_path):
    def write_text(text, name="calibration.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write_text


def test_our_own_format_is_read(write):
    calibration = load_calibration(write(OWN))
    matrix = ((500, 0, 320), (0, 510, 240), (0, 0, 1))
    assert calibration.camera("rgb") == Camera(640, 480, matrix, (-0.1, 0.02, 1e-3, 0, 0))
    assert calibration.camera("event").model == "equidistant"
    ahead = calibration.transform("rgb", "lidar") @ (10, 0, 0, 1)
    assert np.allclose(ahead, (0, 0.1, 9.8, 1))  # ahead of the LiDAR is ahead of the camera
    assert np.allclose(calibration.transform("event", "lidar") @ (10, 0, 0, 1), (0.05, 0.1, 9.8, 1))


def test_a_saved_calibration_is_read_back_number_for_number(write, tmp_path):
    calibration = load_calibration(write(OWN))
    path = tmp_path / "saved.yaml"
    save_calibration(calibration, path)
    again = load_calibration(path)
    assert again.cameras == calibration.cameras
    assert again.frames == calibration.frames
    assert again.transforms.keys() == calibration.transforms.keys()
    for ends, matrix in calibration.transforms.items():
        assert np.array_equal(again.transforms[ends], matrix)


def test_an_empty_calibration_is_saved_and_read(tmp_path):
    save_calibration(Calibration(), tmp_path / "empty.yaml")
    assert load_calibration(tmp_path / "empty.yaml").cameras == {}


def test_kalibrs_camchain_is_read(write):
    calibration = load_calibration(write(KALIBR))
    assert calibration.camera("cam0").distortion == (-0.27, 0.067, 0.00087, 0.00011)
    assert calibration.camera("cam1").model == "equidistant"
    assert calibration.camera("cam1").matrix[0].tolist() == [458.6, 0, 367.2]
    assert (calibration.camera("cam0").width, calibration.camera("cam0").height) == (752, 480)
    # T_cn_cnm1 takes cam0's coordinates to cam1's.
    assert np.allclose(calibration.transform("cam1", "cam0") @ (0, 0, 5, 1), (-0.11, 0, 5, 1))
    assert np.allclose(calibration.transform("cam0", "imu") @ (2, 0, 0, 1), (0.01, 0.02, 2.03, 1))
    assert np.allclose(calibration.transform("cam1", "imu") @ (2, 0, 0, 1), (-0.1, 0.02, 2.03, 1))


def test_kittis_text_is_read(write):
    calibration = load_calibration(write(KITTI, "000008.txt"))
    camera = calibration.camera("cam2")
    assert (camera.width, camera.height) == (1242, 375)
    point = np.array((12.0, -3.0, -1.0, 1.0))
    tr = np.array(KITTI.splitlines()[3].split()[1:], float).reshape(3, 4)
    p2 = np.array(KITTI.splitlines()[1].split()[1:], float).reshape(3, 4)
    expected = p2 @ (*(tr @ point), 1)
    uv, _ = camera.project((calibration.transform("cam2", "lidar") @ point)[:3])
    assert np.allclose(uv[0], expected[:2] / expected[2])
    assert np.allclose(calibration.transform("lidar", "imu")[:3, 3], (-0.8, 0.3, -0.8))


def test_kittis_image_size_can_be_given_and_odometry_is_read(write):
    lines = KITTI.replace("Tr_velo_to_cam", "Tr").replace("R0_rect: 1 0 0 0 1 0 0 0 1\n", "")
    calibration = load_calibration(write(lines, "calib.txt"), image_size=(1241, 376))
    assert (calibration.camera("cam0").width, calibration.camera("cam0").height) == (1241, 376)
    assert np.allclose(
        calibration.transform("cam0", "lidar") @ (5, 0, 0, 1), (-0.01, -0.07, 4.73, 1)
    )


def test_muses_json_is_read(write):
    calibration = load_calibration(write(json.dumps(MUSES, indent=2), "calib.json"))
    assert (calibration.camera("rgb").width, calibration.camera("rgb").height) == (1920, 1080)
    assert (calibration.camera("event").width, calibration.camera("event").height) == (1280, 720)
    assert np.allclose(calibration.transform("rgb", "lidar") @ (10, 0, 0, 1), (0.1, 0.2, 10.3, 1))
    assert np.allclose(calibration.transform("rgb", "event")[:3, 3], (0.1, 0, 0))
    assert np.allclose(calibration.transform("gnss", "lidar")[:3, 3], (0, 0, 1.5))


def test_muses_json_with_tabs_is_read(write):
    calibration = load_calibration(write(json.dumps(MUSES, indent="\t"), "calib.json"))
    assert set(calibration.cameras) == {"rgb", "event"}


def edited(text, *path_and_value):
    document = yaml.safe_load(text)
    *path, last, value = path_and_value
    inner = document
    for key in path:
        inner = inner[key]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return yaml.safe_dump(document)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (edited(OWN, "anyseg_calibration", 2), "anyseg_calibration"),
        (edited(OWN, "cameras", None), "cameras"),
        (edited(OWN, "cameras", [1]), "cameras"),
        (edited(OWN, "camera", {}), "camera: an unknown key"),
        (edited(OWN, "cameras", "rgb", "width", None), "cameras.rgb.width"),
        (edited(OWN, "cameras", "rgb", "width", "wide"), "cameras.rgb.width"),
        (edited(OWN, "cameras", "rgb", "width", True), "cameras.rgb.width"),
        (edited(OWN, "cameras", "rgb", "heigth", 3), "cameras.rgb.heigth: an unknown key"),
        (edited(OWN, "cameras", "rgb", "matrix", [[1, 2], [3]]), "cameras.rgb.matrix"),
        (edited(OWN, "cameras", "rgb", "matrix", [1] * 8), "cameras.rgb.matrix"),
        (edited(OWN, "cameras", "rgb", "matrix", [0] * 9), "cameras.rgb"),
        (edited(OWN, "cameras", "rgb", "distortion", [[0.1]]), "cameras.rgb.distortion"),
        (edited(OWN, "cameras", "rgb", "distortion", [float("nan")]), "cameras.rgb.distortion"),
        (edited(OWN, "cameras", "rgb", "distortion", [0.1]), "cameras.rgb"),
        (edited(OWN, "cameras", "rgb", "model", "fisheye62"), "cameras.rgb"),
        (edited(OWN, "cameras", "rgb", "frame", 3), "cameras.rgb.frame"),
        (edited(OWN, "cameras", "rgb", 3), "cameras.rgb"),
        (edited(OWN, "transforms", {}), "transforms"),
        (edited(OWN, "transforms", 0, "source", None), r"transforms\[0\].source"),
        (edited(OWN, "transforms", 0, "source", "rgb_optical"), r"transforms\[0\]"),
        (edited(OWN, "transforms", 0, "quaternion", [0, 0, 0, 2]), r"transforms\[0\].quaternion"),
        (edited(OWN, "transforms", 0, "translation", [0, 0]), r"transforms\[0\].translation"),
        (edited(OWN, "transforms", 0, "matrix", [1] * 16), r"transforms\[0\].*unknown key"),
        (edited(OWN, "transforms", 1, "matrix", [1] * 16), r"transforms\[1\].matrix"),
        (edited(OWN, "transforms", 1, "source", "event"), r"transforms\[1\]"),
        (edited(KALIBR, "cam0", "camera_model", "omni"), "cam0.camera_model"),
        (edited(KALIBR, "cam0", "distortion_model", "fov"), "cam0.distortion_model"),
        (edited(KALIBR, "cam1", "intrinsics", [1, 2, 3]), "cam1.intrinsics"),
        (edited(KALIBR, "cam1", "intrinsics", [-1, 2, 3, 4]), "cam1"),
        (edited(KALIBR, "cam1", "resolution", None), "cam1.resolution"),
        (edited(KALIBR, "cam1", "T_cn_cnm1", (2 * np.eye(4)).tolist()), "cam1.T_cn_cnm1"),
        (edited(json.dumps(MUSES), "intrinsics", "rgb", "K", [1]), "intrinsics.rgb.K"),
        (edited(json.dumps(MUSES), "extrinsics", "lidar2rgb", [1]), "extrinsics.lidar2rgb"),
        (KITTI.replace("P2: 700", "P2: x"), "P2"),
        (KITTI.replace("P2: 700", "P2: 0"), "P2"),
        (KITTI.replace("Tr_velo_to_cam: 0", "Tr_velo_to_cam: 0 0"), "Tr_velo_to_cam"),
        (KITTI.replace("R0_rect: 1", "R0_rect: 3"), "R0_rect"),
    ],
)
def test_a_wrong_value_is_named_with_file_and_key(write, text, key):
    with pytest.raises(CalibrationError, match=key) as caught:
        load_calibration(write(text))
    assert "calibration.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a mapping"),
        ("just words", "a mapping"),
        ("left: 1\nright: 2", "left"),
        ("a: [1, 2", "expected"),
        ("anyseg_calibration: 1\ncameras: {}\ncameras: {}", "'cameras' twice"),
        ("a: &x [1]\nb: *x", "alias"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("[" * 100_000, "recursion|more than"),
        ("1: 2", "names as keys"),
        ("x" * 250_001, "more than 250000 bytes"),
    ],
)
def test_a_file_of_no_known_format_is_refused(write, text, reason):
    with pytest.raises(CalibrationError, match=f"(?s){reason}"):
        load_calibration(write(text))


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path):
    with pytest.raises(CalibrationError, match=r"none\.yaml: No such file"):
        load_calibration(tmp_path / "none.yaml")
    with pytest.raises(CalibrationError, match="Is a directory"):
        save_calibration(Calibration(), tmp_path)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CalibrationError, match="no UTF-8"):
        load_calibration(tmp_path / "bytes")


@given(st.text(max_size=200) | st.sampled_from((OWN, KALIBR, KITTI, json.dumps(MUSES))), st.data())
def test_damaged_files_raise_nothing_but_calibration_errors(tmp_path_factory, text, data):
    if text:
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 20)))
        text = text[:start] + data.draw(st.text("0[]{}:-, \nnae1.", max_size=5)) + text[end:]
    path = tmp_path_factory.getbasetemp() / "damaged.yaml"
    path.write_text(text, encoding="utf-8")
    with suppress(CalibrationError):
        load_calibration(path)
