"""A real frame: values come from plain matrix products of the published calibration."""

import cv2
import numpy as np
import pytest
import yaml

from anyseg_core.geometry import Camera
from anyseg_core.projection import label_points, project_lidar


@pytest.fixture(scope="module")
def frame(kitti_frame):
    points = np.fromfile(kitti_frame / "lidar.bin", np.float32).reshape(-1, 4)
    calibration = yaml.safe_load((kitti_frame / "calibration.yaml").read_text())
    projection = np.array(calibration["projection"])
    rectified_from_lidar = np.array(calibration["camera_from_lidar"])
    size = calibration["width"], calibration["height"]
    camera, camera_from_rectified = Camera.from_projection(projection, *size)
    return points, projection, rectified_from_lidar, camera, camera_from_rectified


def plain_pixels(points, projection, rectified_from_lidar):
    homogeneous = np.column_stack((points[:, :3].astype(np.float64), np.ones(len(points))))
    u, v, w, _ = projection @ rectified_from_lidar @ homogeneous.T
    return np.column_stack((u / w, v / w)), w


def test_nearly_every_point_of_the_cropped_sweep_lands_inside(frame):
    points, projection, rectified_from_lidar, camera, offset = frame
    image = project_lidar(points, camera, offset @ rectified_from_lidar)
    uv, depth = plain_pixels(points, projection, rectified_from_lidar)
    pixels = np.floor(uv + 0.5).astype(int)
    inside = (depth > 0) & (pixels >= 0).all(1) & (pixels < (camera.width, camera.height)).all(1)
    assert inside.mean() > 0.99
    expected = np.full((camera.height, camera.width), np.inf)
    ranges = np.linalg.norm(points[:, :3].astype(np.float64), axis=1)
    np.minimum.at(expected, (pixels[inside, 1], pixels[inside, 0]), ranges[inside])
    assert np.array_equal(image.valid, np.isfinite(expected))
    assert np.allclose(image.channels[0][image.valid], expected[image.valid], rtol=1e-6)


def test_the_scene_is_plausible(frame):
    points, _, rectified_from_lidar, camera, offset = frame
    image = project_lidar(points, camera, offset @ rectified_from_lidar)
    range_m, intensity, height_m = image.channels
    rows = np.nonzero(image.valid)[0]
    assert range_m[image.valid].min() > 2.0
    assert range_m[image.valid].max() < 90.0
    assert intensity.min() >= 0.0
    assert intensity.max() <= 1.0
    assert rows.min() > 80  # this scanner does not see the sky
    assert -1.9 < np.median(height_m[-40:][image.valid[-40:]]) < -1.5  # the road under the scanner


def test_image_edges_and_range_edges_fall_together_only_with_the_right_pose(frame, kitti_frame):
    points, _, rectified_from_lidar, camera, offset = frame
    grey = cv2.imread(str(kitti_frame / "image.png"), cv2.IMREAD_GRAYSCALE)
    edges = cv2.GaussianBlur(cv2.Canny(grey, 80, 160).astype(np.float32), (0, 0), 2.0)

    def agreement(yaw_deg):
        turn = np.eye(4)
        turn[:3, :3] = cv2.Rodrigues(np.array((0.0, np.deg2rad(yaw_deg), 0.0)))[0]
        image = project_lidar(points, camera, turn @ offset @ rectified_from_lidar, point_size=3)
        range_m = image.channels[0]
        both = image.valid[:, 4:] & image.valid[:, :-4]
        jumps = both & (np.abs(range_m[:, 4:] - range_m[:, :-4]) > 3.0)
        return edges[:, 2:-2][jumps].mean()

    right = agreement(0.0)
    assert right > max(agreement(yaw) for yaw in (-3.0, -1.5, 1.5, 3.0))


def test_most_points_find_the_class_of_their_own_pixel(frame):
    points, projection, rectified_from_lidar, camera, offset = frame
    mask = np.tile(np.arange(camera.width) // 8, (camera.height, 1)).astype(np.uint8)
    labels = label_points(points, camera, offset @ rectified_from_lidar, mask)
    uv, _ = plain_pixels(points, projection, rectified_from_lidar)
    expected = np.floor(uv[:, 0] + 0.5) // 8
    labelled = labels != 255
    assert 0.85 < labelled.mean() < 1.0
    assert np.array_equal(labels[labelled], expected[labelled])
