from __future__ import annotations

import numpy as np
import pytest

from anyseg_core.classes import DELIVER
from anyseg_core.errors import ConfigurationError
from anyseg_core.simulation.camera import depth_sigma_m
from anyseg_core.simulation.mounting import vehicle_from_camera

T_NS = 1_700_000_000


def rays_of(rig, t_ns):
    """Return origin [3] and unit directions [H * W, 3] in the world, from the public matrix."""
    pose = rig._ego.world_from_vehicle(t_ns) @ vehicle_from_camera()
    column, row = np.meshgrid(np.arange(rig.width), np.arange(rig.height))
    pixel = np.stack([column.ravel(), row.ravel(), np.ones(column.size)])
    ray = (np.linalg.inv(rig.camera_matrix) @ pixel).T
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    return pose[:3, 3], ray @ pose[:3, :3].T, ray[:, 2]


def nearest(origin, direction, corner):
    """Return the distances along a ray to all triangles [T, 3, 3] (Moeller and Trumbore)."""
    edge1, edge2 = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    p = np.cross(direction, edge2)
    determinant = np.einsum("ij,ij->i", edge1, p)
    with np.errstate(divide="ignore", invalid="ignore"):
        s = origin - corner[:, 0]
        u = np.einsum("ij,ij->i", s, p) / determinant
        q = np.cross(s, edge1)
        v = q @ direction / determinant
        t = np.einsum("ij,ij->i", edge2, q) / determinant
        return np.where((u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0), t, np.inf)


@pytest.fixture(scope="module")
def oracle(make_rig):
    """Return flat pixels, their nearest range, axial share, class, and whether that is certain."""
    rig = make_rig()
    origin, directions, along = rays_of(rig, T_NS)
    meshes = rig._instant(T_NS).meshes
    corner = np.concatenate([mesh.vertices for mesh in meshes]).astype(np.float64)
    class_id = np.concatenate([mesh.class_id for mesh in meshes])
    # Triangles wholly behind the camera cannot be struck.
    ahead = ((corner - origin) @ directions[len(directions) // 2]).max(1) > 0
    corner, class_id = corner[ahead], class_id[ahead]
    pixels = np.random.default_rng(0).choice(rig.width * rig.height, 48, replace=False)
    rows = []
    for pixel in pixels:
        t = nearest(origin, directions[pixel], corner)
        best = t.min()
        classes = set(class_id[t < best + 2e-3].tolist()) if np.isfinite(best) else {
            DELIVER.names.index("Sky")
        }  # fmt: skip
        rows.append((pixel, best, along[pixel], classes))
    return rows


def test_labels_are_those_of_an_independent_ray_cast(rig, oracle):
    labels = rig.labels(T_NS).ravel()
    assert all(int(labels[pixel]) in classes for pixel, _, _, classes in oracle)
    assert len({int(labels[pixel]) for pixel, *_ in oracle}) > 3


def test_depth_is_the_ray_s_distance_along_the_optical_axis_within_its_noise(rig, oracle):
    depth = rig.depth(T_NS)
    metres = depth.depth.ravel() * depth.metres_per_unit
    checked = 0
    for pixel, range_m, along, _ in oracle:
        if metres[pixel] == 0:
            continue
        wanted = range_m * along
        assert abs(metres[pixel] - wanted) < 5 * depth_sigma_m(np.float32(wanted)) + 1e-3
        checked += 1
    assert checked > 15


def test_depth_has_holes_in_the_sky_and_some_elsewhere_but_not_many(rig):
    depth, labels = rig.depth(T_NS).depth, rig.labels(T_NS)
    sky = labels == DELIVER.names.index("Sky")
    road = labels == DELIVER.names.index("Road")
    assert depth.dtype == np.uint16
    assert not depth[sky].any()
    assert 0.0 < (depth[road] == 0).mean() < 0.2


def test_a_reading_depends_on_its_time_alone_and_not_on_what_was_asked_before(make_rig):
    first, second = make_rig(1, "rain"), make_rig(1, "rain", fresh=True)
    start = T_NS - 40_000_000
    wanted = (
        first.rgb(T_NS).image, first.depth(T_NS).depth, first.lidar(T_NS).points,
        first.labels(T_NS), first.events(start, T_NS).events.t_ns,
    )  # fmt: skip
    for t_ns in (0, 500_000_000, 900_000_000, T_NS + 1):
        second.rgb(t_ns)
    events = second.events(start, T_NS).events.t_ns
    labels, lidar = second.labels(T_NS), second.lidar(T_NS).points
    depth, image = second.depth(T_NS).depth, second.rgb(T_NS).image
    for got, want in zip((image, depth, lidar, labels, events), wanted, strict=True):
        assert got.tobytes() == want.tobytes()


def test_seeds_and_instants_differ(make_rig):
    rig, other = make_rig(), make_rig(1, "rain")
    assert not np.array_equal(rig.labels(T_NS), other.labels(T_NS))
    assert not np.array_equal(rig.labels(T_NS), rig.labels(T_NS + 500_000_000))


def test_records_bear_their_time_frame_and_shape(rig):
    rgb, depth, lidar = rig.rgb(T_NS), rig.depth(T_NS), rig.lidar(T_NS)
    assert rgb.stamp_ns == depth.stamp_ns == lidar.stamp_ns == T_NS
    assert rgb.image.shape == (96, 96, 3)
    assert rgb.image.dtype == np.uint8
    assert depth.depth.shape == (96, 96)
    assert depth.metres_per_unit == 0.001
    assert lidar.points.shape == (24 * 360, 4)
    assert lidar.points.dtype == np.float32
    assert (rgb.frame_id, depth.frame_id, lidar.frame_id) == (
        "camera_optical", "camera_optical", "lidar",
    )  # fmt: skip
    assert rig.labels(T_NS).dtype == np.uint8


def test_the_calibration_is_plain_data_and_agrees_with_the_matrices(rig):
    calibration = rig.calibration
    np.testing.assert_array_equal(calibration["camera_matrix"], rig.camera_matrix)
    np.testing.assert_array_equal(calibration["camera_from_lidar"], rig.camera_from_lidar)
    rotation = rig.camera_from_lidar[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    # The LiDAR's x axis looks along the camera's z, but is not quite parallel to it.
    assert 0.99 < rotation[2, 0] < 0.9999


def test_the_sky_is_above_and_the_road_below(rig):
    labels = rig.labels(T_NS)
    assert (labels[:8] == DELIVER.names.index("Sky")).mean() > 0.2
    assert (labels[-10:] == DELIVER.names.index("Road")).mean() > 0.5


def test_weather_shows_in_the_picture(make_rig):
    image = {name: make_rig(1, name).rgb(T_NS).image.astype(float) for name in
             ("sun", "fog", "night")}  # fmt: skip
    assert image["night"].mean() < 0.5 * image["sun"].mean()
    assert image["fog"].std() < 0.8 * image["sun"].std()
    labels = {name: make_rig(1, name).labels(T_NS) for name in image}
    assert np.array_equal(labels["sun"], labels["fog"])
    assert np.array_equal(labels["sun"], labels["night"])


def test_sun_throws_shadows_that_an_overcast_sky_does_not(make_rig):
    sun, cloud = make_rig(0, "sun"), make_rig(0, "cloud")
    t_ns = 1_200_000_000  # a shadow lies across this street's road
    road = sun.labels(t_ns) == DELIVER.names.index("Road")
    spread = [rig.rgb(t_ns).image[road].astype(float).std() for rig in (sun, cloud)]
    assert spread[0] > 1.5 * spread[1]


def test_a_time_before_the_start_and_a_backward_window_are_refused(rig):
    with pytest.raises(ConfigurationError, match="-1"):
        rig.rgb(-1)
    with pytest.raises(ConfigurationError, match="start before the end"):
        rig.events(5, 5)
