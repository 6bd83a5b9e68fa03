"""Depth is resized to its nearest pixel, and registered without cracks."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyseg_core.errors import CalibrationError, ConfigurationError, RecordError
from anyseg_core.geometry import Camera
from anyseg_core.projection import DepthImage, project_depth, register_depth
from anyseg_core.projection.depth import LARGEST_FOOTPRINT


def image_of(seed, height, width, dtype):
    random = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "u":
        depth = random.integers(500, 8000, (height, width))
        depth[random.random((height, width)) < 0.2] = 0
    else:
        depth = random.uniform(0.5, 8.0, (height, width))
        for bad in (0.0, -1.0, np.nan, np.inf, -np.inf):
            depth[random.random((height, width)) < 0.05] = bad
    return depth.astype(dtype)


DTYPES = st.sampled_from(("<u2", ">u2", "<f4", ">f4"))


@given(
    seed=st.integers(0, 2**32 - 1),
    source=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    target=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    dtype=DTYPES,
    turned=st.booleans(),
)
def test_resizing_takes_the_nearest_pixel_and_drops_invalid_ones(
    seed, source, target, dtype, turned
):
    depth = image_of(seed, *source, dtype)
    if turned:
        depth = depth[::-1].T
    scale = 0.001 if depth.dtype.kind == "u" else 1.0
    height, width = target
    image = project_depth(depth, scale, width, height)
    for row in range(height):
        for column in range(width):
            value = depth[
                math.floor((row + 0.5) * depth.shape[0] / height),
                math.floor((column + 0.5) * depth.shape[1] / width),
            ]
            good = bool(np.isfinite(value) and value > 0)
            expected = np.float32(np.float64(value) * scale) if good else 0.0
            assert image.valid[row, column] == good
            assert (image.channels[:, row, column] == expected).all()


def test_resizing_by_whole_factors_agrees_with_opencv():
    depth = image_of(0, 24, 36, np.uint16)
    for width, height in ((72, 48), (12, 8), (36, 24)):
        expected = cv2.resize(depth, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        image = project_depth(depth, 1.0, width, height)
        assert np.array_equal(image.channels[0], expected)


def test_a_buffer_used_again_holds_only_the_new_image():
    out = project_depth(np.full((4, 4), 2.0, np.float32), 1.0, 6, 5)
    again = project_depth(np.zeros((4, 4), np.float32), 1.0, 6, 5, out=out)
    assert again is out
    assert not out.valid.any()
    assert not out.channels.any()


def oracle(depth, scale, depth_camera, camera, camera_from_depth):
    nearest = np.full((camera.height, camera.width), np.inf, np.float32)
    half = math.sqrt(0.5)
    for row in range(depth.shape[0]):
        for column in range(depth.shape[1]):
            z = float(depth[row, column]) * scale
            (ray,), (found,) = depth_camera.rays([(column, row)])
            if not found or not 0 < z < math.inf:
                continue
            x, y = (ray[:2] / ray[2]).astype(np.float32).astype(float) * z
            point = (camera_from_depth @ (x, y, z, 1.0))[:3]
            (pixel,), (seen,) = camera.project(point)
            last = (camera.width - 0.5, camera.height - 0.5)
            if not seen or (pixel < -0.5).any() or (pixel >= last).any():
                continue
            focal = camera.matrix.diagonal()[:2] / depth_camera.matrix.diagonal()[:2]
            reach = np.minimum(half * focal * z / point[2], LARGEST_FOOTPRINT / 2)
            for r in range(camera.height):
                for c in range(camera.width):
                    offset = (c, r) - pixel
                    own = np.floor(pixel + 0.5) == (c, r)
                    near = (offset >= -reach) & (offset < reach)
                    if (own | near).all():
                        nearest[r, c] = min(nearest[r, c], np.float32(point[2]))
    return nearest


@given(seed=st.integers(0, 2**32 - 1), dtype=DTYPES, lens=st.booleans(), zoom=st.floats(0.4, 3))
@settings(max_examples=25)
def test_registration_is_the_oracles(seed, dtype, lens, zoom):
    random = np.random.default_rng(seed)
    depth = image_of(seed, 8, 10, dtype)
    scale = 0.001 if depth.dtype.kind == "u" else 1.0
    distortion = (-0.2, 0.05, 1e-3, 1e-3) if lens else ()
    depth_camera = Camera(10, 8, ((9, 0, 4.4), (0, 9, 3.6), (0, 0, 1)), distortion)
    camera = Camera(14, 12, ((9 * zoom, 0, 6.6), (0, 8 * zoom, 5.3), (0, 0, 1)), distortion)
    pose = np.eye(4)
    pose[:3, :3] = cv2.Rodrigues(random.uniform(-0.3, 0.3, 3))[0]
    pose[:3, 3] = random.uniform(-0.4, 0.4, 3)
    expected = oracle(depth, scale, depth_camera, camera, pose)
    image = register_depth(depth, scale, depth_camera, camera, pose)
    assert np.array_equal(image.valid, np.isfinite(expected))
    assert np.allclose(image.channels[0][image.valid], expected[image.valid], rtol=1e-6)
    assert not image.channels[0][~image.valid].any()
    assert np.array_equal(image.channels[1], image.channels[0])
    assert np.array_equal(image.channels[2], image.channels[0])


@pytest.mark.parametrize("distortion", [(), (-0.2, 0.05, 1e-3, 1e-3)])
def test_registering_to_the_same_camera_changes_nothing(distortion):
    camera = Camera(30, 20, ((25, 0, 14.5), (0, 25, 9.5), (0, 0, 1)), distortion)
    depth = image_of(5, 20, 30, np.uint16)
    image = register_depth(depth, 0.001, camera, camera, np.eye(4))
    assert np.array_equal(image.valid, depth > 0)
    assert np.allclose(image.channels[0], depth * 0.001)


@pytest.mark.parametrize("roll_deg", [0, 20, 45])
def test_a_wall_has_no_cracks_in_a_camera_that_resolves_three_times_more(roll_deg):
    depth_camera = Camera(60, 60, ((30, 0, 29.5), (0, 30, 29.5), (0, 0, 1)))
    camera = Camera(90, 90, ((90, 0, 44.5), (0, 90, 44.5), (0, 0, 1)))
    pose = np.eye(4)
    pose[:3, :3] = cv2.Rodrigues(np.array((0, 0, np.deg2rad(roll_deg))))[0]
    image = register_depth(np.full((60, 60), 2.0, np.float32), 1.0, depth_camera, camera, pose)
    assert image.valid.all()
    assert np.allclose(image.channels, 2.0)


def test_a_near_thing_hides_the_wall_and_leaves_a_gap_on_its_other_side():
    camera = Camera(80, 20, ((80, 0, 39.5), (0, 80, 9.5), (0, 0, 1)))
    depth = np.full((20, 80), 4.0, np.float32)
    depth[:, 35:45] = 1.0
    pose = np.eye(4)
    pose[0, 3] = -0.1  # the other camera stands 10 cm to the right: near things shift 8 px left
    row = register_depth(depth, 1.0, camera, camera, pose)
    assert np.allclose(row.channels[0, 10, 27:37], 1.0)
    assert np.allclose(row.channels[0, 10, 0:27], 4.0)
    assert not row.valid[10, 37:43].any()  # seen by the other camera alone: nothing is invented
    assert np.allclose(row.channels[0, 10, 43:78], 4.0)


def test_depth_is_that_of_the_other_camera():
    camera = Camera(9, 9, ((9, 0, 4), (0, 9, 4), (0, 0, 1)))
    pose = np.eye(4)
    pose[2, 3] = 0.5
    image = register_depth(np.full((9, 9), 2.0, np.float32), 1.0, camera, camera, pose)
    assert np.allclose(image.channels[0][image.valid], 2.5)


def test_wrong_images_scales_sizes_and_buffers_are_refused():
    camera = Camera(9, 9, ((9, 0, 4), (0, 9, 4), (0, 0, 1)))
    depth = np.ones((9, 9), np.float32)
    for bad in (depth.astype(np.float64), depth[0], depth[:0]):
        with pytest.raises(RecordError, match="a depth image"):
            project_depth(bad, 1.0, 4, 4)
    with pytest.raises(ConfigurationError, match="metres_per_unit"):
        project_depth(depth, 0.0, 4, 4)
    with pytest.raises(ConfigurationError, match="0 x 4"):
        project_depth(depth, 1.0, 0, 4)
    small = DepthImage(np.zeros((3, 4, 4), np.float32), np.zeros((4, 4), bool))
    with pytest.raises(ConfigurationError, match="out of float32"):
        project_depth(depth, 1.0, 5, 5, out=small)
    with pytest.raises(RecordError, match="8 x 9"):
        register_depth(depth[:, :8], 1.0, camera, camera, np.eye(4))
    with pytest.raises(CalibrationError, match="camera_from_depth"):
        register_depth(depth, 1.0, camera, camera, np.zeros((4, 4)))
