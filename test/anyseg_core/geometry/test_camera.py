"""The camera agrees with OpenCV, by hand on the axes, and refuses what makes no sense."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyseg_core.errors import CalibrationError
from anyseg_core.geometry import Camera

MATRIX = ((500.0, 0.0, 320.0), (0.0, 510.0, 240.0), (0.0, 0.0, 1.0))
LENSES = {
    "pinhole": ("plumb_bob", ()),
    "plumb_bob 4": ("plumb_bob", (-0.28, 0.07, 9e-4, 1e-4)),
    "plumb_bob 5": ("plumb_bob", (-0.3, 0.1, 1e-3, -2e-3, 0.01)),
    "rational": ("rational_polynomial", (0.5, -2.0, 1e-3, 1e-3, 1.6, 0.4, -1.9, 1.5)),
    "fisheye": ("equidistant", (0.02, -0.01, 0.003, -0.001)),
    "fisheye without terms": ("equidistant", ()),
}
every_lens = pytest.mark.parametrize("lens", LENSES)


def camera_with(lens, width=640, height=480):
    model, distortion = LENSES[lens]
    return Camera(width, height, MATRIX, distortion, model)


def opencv(camera, points):
    turn = np.zeros(3)
    if camera.model == "equidistant":
        coefficients = np.array(camera.distortion or (0.0,) * 4)
        uv, _ = cv2.fisheye.projectPoints(points[None], turn, turn, camera.matrix, coefficients)
    else:
        coefficients = np.array(camera.distortion or (0.0,) * 5)
        uv, _ = cv2.projectPoints(points, turn, turn, camera.matrix, coefficients)
    return uv.reshape(-1, 2)


@every_lens
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 50))
@settings(max_examples=20)
def test_projection_agrees_with_opencv(lens, seed, count):
    random = np.random.default_rng(seed)
    points = random.uniform((-1, -1, 1), (1, 1, 10), (count, 3)) * random.uniform(0.01, 50)
    camera = camera_with(lens)
    uv, seen = camera.project(points)
    assert seen.all()
    assert np.allclose(uv, opencv(camera, points), atol=1e-7)


@every_lens
def test_right_is_larger_u_and_up_is_smaller_v(lens):
    uv, seen = camera_with(lens).project([(0, 0, 2), (1, 0, 2), (-1, 0, 2), (0, 1, 2), (0, -1, 2)])
    assert seen.all()
    centre, right, left, down, up = uv
    assert np.allclose(centre, (320, 240))
    assert right[0] > 400
    assert left[0] < 240
    assert down[1] > 320
    assert up[1] < 160


def test_a_pinhole_projects_as_computed_by_hand():
    uv, _ = camera_with("pinhole").project([(1.0, -2.0, 10.0)])
    assert np.allclose(uv, [(320 + 50, 240 - 102)])


def test_an_equidistant_lens_maps_the_angle_to_the_radius():
    angle = np.deg2rad(70)
    uv, _ = camera_with("fisheye without terms").project([(np.sin(angle), 0, np.cos(angle))])
    assert np.allclose(uv, [(320 + 500 * angle, 240)])


@every_lens
@pytest.mark.parametrize("point", [(0, 0, 0), (0, 0, -1), (1, 1, -5), (0, 0, np.nan)])
def test_points_behind_the_camera_are_not_seen(lens, point):
    uv, seen = camera_with(lens).project([point])
    assert not seen.any()
    assert np.isnan(uv).all()


@every_lens
def test_rays_are_unit_vectors_through_the_pixels_points(lens):
    camera = camera_with(lens)
    columns, rows = np.meshgrid(np.linspace(0, 639, 30), np.linspace(0, 479, 30))
    pixels = np.stack((columns, rows), -1).reshape(-1, 2)
    rays, found = camera.rays(pixels)
    assert found.all()
    assert np.allclose(np.linalg.norm(rays, axis=1), 1)
    assert np.allclose(opencv(camera, rays), pixels, atol=1e-6)


def test_rays_of_a_pinhole_are_as_computed_by_hand():
    rays, _ = camera_with("pinhole").rays([(320 + 500, 240)])
    assert np.allclose(rays, [(np.sqrt(0.5), 0, np.sqrt(0.5))])


# r (1 - r^2 / 3) grows up to r = 1, then turns back and crosses the axis again at r = sqrt(3).
FOLDING = [
    ("plumb_bob", (-1 / 3, 0, 0, 0, 0), 1.0),
    ("rational_polynomial", (-1 / 3, 0, 0, 0, 0, 0, 0, 0), 1.0),
    ("rational_polynomial", (0, 0, 0, 0, 0, -1 / 4, 0, 0), 2.0),  # a pole at r = 2
    ("equidistant", (-1 / 3, 0, 0, 0), np.tan(1.0)),
]


@pytest.mark.parametrize(("model", "distortion", "limit"), FOLDING)
def test_points_beyond_the_fold_of_the_distortion_are_not_seen(model, distortion, limit):
    camera = Camera(640, 480, MATRIX, distortion, model)
    radii = np.concatenate((np.linspace(0, 0.99, 50), np.linspace(1.01, 1000, 5000))) * limit
    for direction in ((1, 0), (0, 1), (-0.6, 0.8)):
        points = np.column_stack((np.outer(radii, direction), np.ones(len(radii))))
        _, seen = camera.project(points)
        assert seen[:50].all()
        assert not seen[50:].any()


def test_without_the_guard_a_folded_point_would_land_inside_the_image():
    camera = Camera(640, 480, MATRIX, (-1 / 3, 0, 0, 0, 0))
    folded = np.array([(np.sqrt(3.0), 0.0, 1.0)])
    assert np.allclose(opencv(camera, folded), (320, 240))
    assert not camera.project(folded)[1].any()


def test_tangential_terms_do_not_fold_a_point_at_the_side_into_the_image():
    camera = Camera(640, 480, MATRIX, (0, 0, 0, 1e-3))
    folded = np.array([(-1 / 3e-3, 0.0, 1.0)])
    assert np.allclose(opencv(camera, folded), (320, 240), atol=1e-6)
    assert not camera.project(folded)[1].any()


def test_a_pixel_that_no_ray_reaches_has_none():
    rays, found = Camera(640, 480, MATRIX, (-1 / 3, 0, 0, 0, 0)).rays([(320 + 400, 240)])
    assert not found.any()
    assert np.isnan(rays).all()


@given(
    width=st.integers(1, 2000), height=st.integers(1, 2000), u=st.floats(0, 1), v=st.floats(0, 1)
)
def test_scaling_moves_points_as_resizing_moves_pixel_edges(width, height, u, v):
    camera = camera_with("plumb_bob 4")
    rays, _ = camera.rays([(u * 640 - 0.5, v * 480 - 0.5)])
    scaled = camera.scaled(width, height)
    assert (scaled.width, scaled.height) == (width, height)
    assert np.allclose(scaled.project(rays)[0], [(u * width - 0.5, v * height - 0.5)], atol=1e-6)


def test_scaling_agrees_with_where_opencv_puts_a_resized_pixel():
    image = np.zeros((480, 640), np.float32)
    image[300, 400] = 1
    resized = cv2.resize(image, (1920, 1440), interpolation=cv2.INTER_LINEAR)
    rows, columns = np.mgrid[:1440, :1920]
    centre = np.array(((columns * resized).sum(), (rows * resized).sum())) / resized.sum()
    camera = camera_with("pinhole")
    rays, _ = camera.rays([(400, 300)])
    assert np.allclose(camera.scaled(1920, 1440).project(rays)[0], centre, atol=1e-3)


def test_scaling_there_and_back_gives_an_equal_camera_only_for_its_own_size():
    camera = camera_with("rational")
    assert camera.scaled(640, 480) is camera
    assert camera.scaled(320, 240) != camera
    assert np.allclose(camera.scaled(320, 240).scaled(640, 480).matrix, camera.matrix)


@pytest.mark.parametrize("matrix", [MATRIX, np.array(MATRIX), np.array(MATRIX).ravel().tolist()])
def test_a_matrix_may_be_nested_an_array_or_nine_numbers(matrix):
    assert Camera(640, 480, matrix) == camera_with("pinhole")


def test_equal_numbers_make_equal_cameras_with_equal_hashes():
    assert camera_with("fisheye") == camera_with("fisheye")
    assert hash(camera_with("fisheye")) == hash(camera_with("fisheye"))
    assert camera_with("fisheye") != camera_with("plumb_bob 4")
    assert camera_with("pinhole") != camera_with("pinhole", width=641)
    assert camera_with("pinhole") != "camera"


def test_a_camera_cannot_be_changed():
    camera = camera_with("pinhole")
    with pytest.raises(AttributeError):
        camera.width = 3
    with pytest.raises(ValueError, match="read-only"):
        camera.matrix[0, 0] = 3


def test_the_callers_matrix_is_not_kept():
    matrix = np.array(MATRIX)
    camera = Camera(640, 480, matrix)
    matrix[0, 0] = 1
    assert camera.matrix[0, 0] == 500


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((0, 480, MATRIX), "0 x 480"),
        ((640, -1, MATRIX), "640 x -1"),
        ((640.5, 480, MATRIX), "640.5"),
        ((640, 480, np.zeros((3, 3))), "uncalibrated"),
        ((640, 480, ((500, 0, 320), (0, -1, 240), (0, 0, 1))), "fy -1"),
        ((640, 480, ((np.nan, 0, 320), (0, 500, 240), (0, 0, 1))), "fx nan"),
        ((640, 480, ((500, 0, np.inf), (0, 500, 240), (0, 0, 1))), "cx inf"),
        ((640, 480, ((500, 3, 320), (0, 500, 240), (0, 0, 1))), "skew"),
        ((640, 480, ((500, 0, 320), (0, 500, 240), (0, 0, 2))), "0 0 1"),
        ((640, 480, np.eye(4)), "shape"),
        ((640, 480, "matrix"), "no table"),
        ((640, 480, MATRIX, (0.1, 0.2, 0.3)), "3 distortion coefficients"),
        ((640, 480, MATRIX, (0.1,) * 5, "equidistant"), "5 distortion coefficients"),
        ((640, 480, MATRIX, (0.1,) * 5, "rational_polynomial"), "5 distortion coefficients"),
        ((640, 480, MATRIX, (0.1,) * 12, "rational_polynomial"), "12 distortion coefficients"),
        ((640, 480, MATRIX, (np.nan, 0, 0, 0)), "finite"),
        ((640, 480, MATRIX, (), "omni"), "omni"),
    ],
)
def test_a_camera_that_makes_no_sense_is_refused(arguments, reason):
    with pytest.raises(CalibrationError, match=reason):
        Camera(*arguments)


def test_trailing_zeros_of_opencvs_thin_prism_are_dropped():
    coefficients = LENSES["rational"][1]
    camera = Camera(640, 480, MATRIX, (*coefficients, 0, 0, 0, 0, 0, 0), "rational_polynomial")
    assert camera == camera_with("rational")


@pytest.mark.parametrize("rows", [3, 4])
def test_a_projection_matrix_splits_into_camera_and_offset(rows):
    projection = np.eye(4)
    projection[:3, :3] = MATRIX
    projection[:3, 3] = (45.0, 0.2, 0.003)
    camera, camera_from_frame = Camera.from_projection(projection[:rows], 640, 480)
    point = np.array((1.5, -0.5, 7.0, 1.0))
    uv, _ = camera.project((camera_from_frame @ point)[:3])
    homogeneous = projection[:3] @ point
    assert np.allclose(uv, homogeneous[:2] / homogeneous[2])


def test_a_projection_matrix_of_another_shape_is_refused():
    with pytest.raises(CalibrationError, match=r"\(2, 3\)"):
        Camera.from_projection(np.zeros((2, 3)), 640, 480)
    assert Camera.from_projection(MATRIX, 640, 480)[0] == camera_with("pinhole")
