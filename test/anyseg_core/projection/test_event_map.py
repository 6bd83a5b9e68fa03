"""Events move to the reference camera's pixels along their rays."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyseg_core.errors import CalibrationError, RecordError
from anyseg_core.geometry import Camera
from anyseg_core.projection import bin_events, event_map, remap_events
from anyseg_core.projection.event_map import add_remapped
from anyseg_core.types import EventArray

EVENT = Camera(64, 48, ((60, 0, 31.5), (0, 60, 23.5), (0, 0, 1)), (-0.2, 0.05, 1e-3, 1e-3))
RGB = Camera(80, 60, ((70, 0, 40.0), (0, 72, 30.0), (0, 0, 1)))


def turned(*axis_deg):
    pose = np.eye(4)
    pose[:3, :3] = cv2.Rodrigues(np.deg2rad(axis_deg).astype(float))[0]
    return pose


def test_the_same_camera_maps_each_pixel_to_itself():
    columns, rows = np.meshgrid(np.arange(64), np.arange(48))
    lookup = event_map(EVENT, EVENT, np.eye(4))
    assert lookup.dtype == np.int16
    assert np.array_equal(lookup, np.stack((columns, rows), -1))


def test_the_map_agrees_with_opencvs_undistort_points():
    pose = turned(2, -3, 5)
    lookup = event_map(EVENT, RGB, pose)
    columns, rows = np.meshgrid(np.arange(64.0), np.arange(48.0))
    pixels = np.stack((columns, rows), -1).reshape(-1, 1, 2)
    expected = cv2.undistortPoints(
        pixels, EVENT.matrix, np.array(EVENT.distortion), None, pose[:3, :3], RGB.matrix,
        (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 100, 1e-12),
    ).reshape(48, 64, 2)  # fmt: skip
    nearest = np.floor(expected + 0.5)
    inside = ((nearest >= 0) & (nearest < (80, 60))).all(-1)
    assert 0.5 < inside.mean() < 1.0
    clear = np.abs(expected + 0.5 - np.round(expected + 0.5)).min(-1) > 1e-6
    assert np.array_equal(lookup[inside & clear], nearest[inside & clear])
    assert (lookup[~inside & clear] == -1).all()


def test_a_reference_camera_turned_to_the_right_sees_things_further_left():
    # Turning the camera right about its y axis is turning the world left about it.
    lookup = event_map(EVENT, RGB, turned(0, -10, 0))
    straight = event_map(EVENT, RGB, np.eye(4))
    assert lookup[24, 40, 0] < straight[24, 40, 0] - 8
    assert lookup[24, 40, 1] == straight[24, 40, 1]


def test_the_translation_is_left_out():
    pose = np.eye(4)
    pose[:3, 3] = (0.5, 0.2, 0.1)
    assert np.array_equal(event_map(EVENT, RGB, pose), event_map(EVENT, RGB, np.eye(4)))


@given(st.integers(0, 2**32 - 1), st.integers(0, 100), st.booleans())
def test_events_are_moved_one_by_one_and_keep_order_time_and_polarity(seed, count, strided):
    random = np.random.default_rng(seed)
    lookup = event_map(EVENT, RGB, turned(0, 20, 0))
    events = EventArray(
        random.integers(0, 70, count, np.uint16),  # some lie outside the sensor
        random.integers(0, 52, count, np.uint16),
        random.integers(-(2**60), 2**60, count),
        random.integers(0, 2, count, np.uint8),
    )
    if strided:
        events = EventArray(events.x[::-2], events.y[::-2], events.t_ns[::-2], events.p[::-2])
    expected = [
        (*lookup[y, x], t, p)
        for x, y, t, p in zip(events.x, events.y, events.t_ns, events.p, strict=True)
        if x < 64 and y < 48 and lookup[y, x, 0] >= 0
    ]
    moved = remap_events(events, lookup)
    assert list(zip(moved.x, moved.y, moved.t_ns, moved.p, strict=True)) == expected
    assert (moved.x.dtype, moved.t_ns.dtype, moved.p.dtype) == (np.uint16, np.int64, np.uint8)


def test_wrong_poses_cameras_and_lookups_are_refused():
    with pytest.raises(CalibrationError, match="camera_from_event"):
        event_map(EVENT, RGB, np.zeros((4, 4)))
    with pytest.raises(CalibrationError, match="40000"):
        event_map(EVENT, Camera(40000, 10, RGB.matrix), np.eye(4))
    none = EventArray(*(np.zeros(0, kind) for kind in (np.uint16, np.uint16, np.int64, np.uint8)))
    with pytest.raises(RecordError, match="a lookup"):
        remap_events(none, np.zeros((4, 4, 2), np.int32))


def test_counting_at_once_gives_what_moving_and_then_binning_gives():
    random = np.random.default_rng(4)
    lookup = random.integers(-1, 9, (6, 8, 2)).astype(np.int16)
    lookup[lookup.min(axis=2) < 0] = -1
    events = EventArray(
        random.integers(0, 10, 500).astype(np.uint16),
        random.integers(0, 8, 500).astype(np.uint16),
        random.integers(0, 100, 500),
        random.integers(0, 2, 500).astype(np.uint8),
    )
    image = np.ones((3, 9, 9), np.float32)
    add_remapped(events, lookup, image, 60)
    moved = remap_events(events, lookup)
    expected = bin_events(moved, 9, 9, t_end_ns=60)
    assert 50 < expected.sum() < len(moved)
    assert np.array_equal(image - 1, expected)


def test_the_map_is_that_of_each_pixels_ray(lens_camera):
    """The quick way from pixel to pixel ends where the careful one does, for every lens."""
    pose = turned(3, -8, 4)
    lookup = event_map(lens_camera, RGB, pose)
    columns, rows = np.meshgrid(np.arange(lens_camera.width), np.arange(lens_camera.height))
    rays, has_ray = lens_camera.rays(np.stack((columns, rows), -1))
    uv, seen = RGB.project(rays @ pose[:3, :3].T)
    with np.errstate(invalid="ignore"):
        nearest = np.floor(uv + 0.5)
        inside = has_ray & seen & ((nearest >= 0) & (nearest < (80, 60))).all(1)
        clear = ~inside | (np.abs(uv + 0.5 - np.round(uv + 0.5)).min(1) > 1e-6)
    expected = np.where(inside[:, None], nearest, -1).reshape(lookup.shape)
    assert inside.any()
    assert np.array_equal(lookup.reshape(-1, 2)[clear], expected.reshape(-1, 2)[clear])
