"""The overlay by which a person checks a calibration."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from anyseg_core.cli.main import main
from anyseg_core.geometry import Calibration, Camera, save_calibration
from anyseg_core.projection.overlay import NEGATIVE_RGB, POSITIVE_RGB, range_colours

KITTI = Path(__file__).resolve().parents[4] / "shared" / "real" / "kitti_frame"
CAMERA = Camera(40, 30, ((20, 0, 20), (0, 20, 15), (0, 0, 1)))
POSE = np.array(((0, -1, 0, 0), (0, 0, -1, 0), (1, 0, 0, 0), (0, 0, 0, 1)), float)


@pytest.fixture
def files(tmp_path):
    """Paths of an image, a sweep, a calibration and events, by option."""
    image = np.full((30, 40, 3), 100, np.uint8)
    cv2.imwrite(str(tmp_path / "image.png"), image)
    points = np.array([(4, 0, 0, 1), (10, -5, 0, 1)], np.float32)  # pixels (20, 15) and (30, 15)
    points.tofile(tmp_path / "points.bin")
    np.save(tmp_path / "events.npy", np.array([(3, 4, 10, 1), (5, 6, 20, 0), (-1, 4, 30, 1)]))
    save_calibration(Calibration({"rgb": CAMERA}, {("rgb", "lidar"): POSE}), tmp_path / "rig.yaml")
    return {
        "--overlay": tmp_path / "overlay.png",
        "--image": tmp_path / "image.png",
        "--points": tmp_path / "points.bin",
        "--calibration": tmp_path / "rig.yaml",
        "--events": tmp_path / "events.npy",
    }


def call(files, *more):
    return main(["doctor", *(str(word) for pair in files.items() for word in pair), *more])


def picture_of(files):
    return cv2.imread(str(files["--overlay"]))[..., ::-1]


def test_known_points_and_events_have_their_colours_at_their_pixels(files):
    assert call(files, "--point-size", "1") == 0
    picture = picture_of(files)
    near, far = range_colours(np.array([4.0, np.hypot(10, 5)], np.float32))
    assert picture[15, 20].tolist() == near.tolist()
    assert picture[15, 30].tolist() == far.tolist()
    assert picture[4, 3].tolist() == list(POSITIVE_RGB)
    assert picture[6, 5].tolist() == list(NEGATIVE_RGB)
    assert (picture == 60).all(axis=2).sum() == 40 * 30 - 4


def test_near_is_red_and_far_is_blue():
    near, far = range_colours(np.array([3.0, 70.0], np.float32)).astype(int)
    assert near[0] > near[2] + 50
    assert far[2] > far[0] + 20


def test_points_may_come_as_an_array_file(files, tmp_path):
    np.save(tmp_path / "points.npy", np.array([(4.0, 0.0, 0.0)]))
    files["--points"] = tmp_path / "points.npy"
    assert call(files, "--point-size", "1") == 0
    assert (picture_of(files)[15, 20] != 60).any()


def test_events_go_through_their_own_cameras_calibration(files):
    own = Camera(80, 60, ((40, 0, 40.5), (0, 40, 30.5), (0, 0, 1)))
    rig = Calibration(
        {"rgb": CAMERA, "event": own}, {("rgb", "lidar"): POSE, ("rgb", "event"): np.eye(4)}
    )
    save_calibration(rig, files["--calibration"])
    np.save(files["--events"], np.array([(6, 8, 1, 1)]))
    assert call(files) == 0
    assert picture_of(files)[4, 3].tolist() == list(POSITIVE_RGB)


@pytest.mark.parametrize("option", ["--image", "--points", "--calibration", "--events"])
@pytest.mark.parametrize("content", [None, b"", b"\x00nonsense", b"cameras: {"])
def test_bad_input_ends_with_2_and_one_line(files, option, content, capsys):
    if option == "--points" and content == b"":
        pytest.skip("an empty .bin is a sweep without points")
    files[option] = files[option].with_name("bad" + files[option].suffix)
    if content is not None:
        files[option].write_bytes(content)
    assert call(files) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not files["--overlay"].exists()


@pytest.mark.parametrize(
    "more",
    [["--camera", "left"], ["--lidar", "roof"], ["--point-size", "0"],
     ["--overlay", "/no/such/folder/a.png"], ["--overlay", "overlay.nothing"]],
)  # fmt: skip
def test_options_that_do_not_fit_end_with_2_and_one_line(files, more, capfd):
    assert call(files, *more) == 2
    said = [line for line in capfd.readouterr().err.splitlines() if "OpenCV" not in line]
    assert [line for line in said if line.startswith("anyseg:")] == said[-1:]


def test_an_image_of_another_size_than_the_cameras_is_refused(files, capsys):
    cv2.imwrite(str(files["--image"]), np.zeros((60, 80, 3), np.uint8))
    assert call(files) == 2
    assert "80 x 60" in capsys.readouterr().err


def test_the_real_frame_in_kittis_own_format(tmp_path):
    if not (KITTI / "lidar.bin").is_file():
        pytest.skip(f"the real KITTI frame is not at {KITTI}")
    given = yaml.safe_load((KITTI / "calibration.yaml").read_text())
    lines = {
        "P2": np.array(given["projection"])[:3],
        "R0_rect": np.eye(3),
        "Tr_velo_to_cam": np.array(given["camera_from_lidar"])[:3],
    }
    text = "".join(f"{name}: {' '.join(map(str, m.ravel()))}\n" for name, m in lines.items())
    (tmp_path / "calib.txt").write_text(text)
    files = {
        "--overlay": tmp_path / "overlay.png",
        "--image": KITTI / "image.png",
        "--points": KITTI / "lidar.bin",
        "--calibration": tmp_path / "calib.txt",
    }
    assert call(files) == 0
    picture, image = picture_of(files), cv2.imread(str(KITTI / "image.png"))[..., ::-1]
    drawn = (picture != (image * 0.6).astype(np.uint8)).any(axis=2)
    assert drawn[:80].sum() == 0  # the scanner does not see the sky
    assert drawn[200:].mean() > 0.2
    road = picture[360:][drawn[360:]].astype(int)
    assert np.median(road[:, 0] - road[:, 2]) > 50  # the road before the car is near: red
