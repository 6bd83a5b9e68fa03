"""Tensors that are kept hold, at any time, what projecting anew would have given."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyseg_core.errors import AnysegError, CalibrationError
from anyseg_core.geometry import Camera
from anyseg_core.normalisation import DEFAULT_NORMALISATION
from anyseg_core.projection.keeping import KeepingProjector
from anyseg_core.projection.projector import Projector
from anyseg_core.types import (
    MODALITIES,
    DepthRecord,
    EventArray,
    EventFrameRecord,
    EventRecord,
    LidarRecord,
    Motion,
    RgbRecord,
)

WIDTH, HEIGHT = 40, 30
FRAME = "camera"
AXES = np.array(((0, -1, 0, 0), (0, 0, -1, 0), (1, 0, 0, 0), (0, 0, 0, 1.0)))
CAMERAS = [
    Camera(WIDTH, HEIGHT, ((focal, 0, 19.5), (0, focal, 14.5), (0, 0, 1))) for focal in (25, 40)
]


class Mount:
    """Poses that move while the robot runs, as TF's may; None where nobody publishes them."""

    def __init__(self):
        self.shift_m = 0.0

    def camera_from_sensor(self, sensor, camera_frame, sensor_frame):
        del camera_frame, sensor_frame
        if self.shift_m is None:
            raise CalibrationError(f"no place of {sensor}", "one", "publish it")
        pose = (np.eye(4) if sensor in {"depth", "event"} else AXES).copy()
        pose[0, 3] += self.shift_m
        return pose


def open_projectors(deskew=False, aligned=()):
    """A keeping projector, one that projects every time, and the mount that both ask."""
    mount = Mount()
    cameras = {"depth": CAMERAS[0], "event": CAMERAS[0]}
    both = [
        kind(
            32, 24, DEFAULT_NORMALISATION, aligned=aligned, extrinsics=mount, cameras=cameras,
            min_range_m=0.5, deskew=deskew,
        )
        for kind in (KeepingProjector, Projector)
    ]  # fmt: skip
    for projector in both:
        projector.set_camera(CAMERAS[0], FRAME)
    return *both, mount


def make_records(sensor, seed):
    random = np.random.default_rng(seed)
    if sensor == "rgb":
        return (RgbRecord(0, FRAME, random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)),)
    if sensor == "depth":
        depth = random.integers(0, 9000, (HEIGHT, WIDTH), np.uint16)
        return (DepthRecord(0, "depth", depth, 0.001),)
    if sensor == "lidar":
        points = random.uniform((1, -9, -2, 0), (20, 9, 2, 1), (200, 4)).astype(np.float32)
        return (LidarRecord(0, "lidar", points, np.arange(200) * 100_000),)
    events = EventArray(
        random.integers(0, WIDTH, 100).astype(np.uint16),
        random.integers(0, HEIGHT, 100).astype(np.uint16),
        np.sort(random.integers(0, 10**6, 100)),
        random.integers(0, 2, 100).astype(np.uint8),
    )
    first = EventRecord(0, "event", events, WIDTH, HEIGHT)
    return (first, replace(first, stamp_ns=1)) if seed % 2 else (first,)


def motion(seed):
    return Motion(0, "base", np.array([float(seed), 1.0, 0.0]), np.array([0.0, 0.0, 0.5]))


def outcome(projector, sensor, records, end_ns):
    """The tensor's bytes, or the error's words."""
    try:
        return projector.project(sensor, records, end_ns).tobytes()
    except AnysegError as error:
        return str(error)


SMALL = st.integers(0, 3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("project"), st.sampled_from(MODALITIES), SMALL),
        st.tuples(st.just("read"), st.sampled_from(MODALITIES), SMALL),
        st.tuples(st.just("camera"), st.integers(0, 1), SMALL),
        st.tuples(st.just("mount"), st.sampled_from((0.0, 0.3, None)), SMALL),
        st.tuples(st.just("move"), SMALL, SMALL),
        st.tuples(st.just("resize"), st.sampled_from((1, 2)), SMALL),
    ),
    min_size=4,
    max_size=40,
)


def change(kind, what, both, mount):
    """Tell both projectors of a change, or move the mount that they share."""
    if kind == "mount":
        mount.shift_m = what
        return
    for projector in both:
        if kind == "camera":
            with suppress(CalibrationError):  # of another size than the images
                projector.set_camera(CAMERAS[what], FRAME)
        elif kind == "move":
            projector.set_motion(motion(what))
        elif kind == "resize":
            image = np.zeros((HEIGHT * what, WIDTH * what, 3), np.uint8)
            projector.see(RgbRecord(0, FRAME, image))


@settings(max_examples=80)
@given(STEPS, st.booleans(), st.sampled_from(((), ("depth",), ("depth", "event"))))
def test_whatever_changes_between_frames_the_tensor_is_that_of_projecting_anew(
    steps, deskew, aligned
):
    kept, anew, mount = open_projectors(deskew, aligned)
    latest = {name: make_records(name, 0) for name in MODALITIES}
    content_of = {}
    for kind, what, number in steps:
        if kind == "read":
            latest[what] = make_records(what, number)
        change(kind, what, (kept, anew), mount)
        for sensor in MODALITIES if kind != "project" else (what,):
            arguments = (sensor, latest[sensor], number * 300_000)
            expected = outcome(anew, *arguments)
            assert outcome(kept, *arguments) == expected
            if isinstance(expected, bytes):
                identity = kept.identity(sensor)
                assert content_of.setdefault(identity, (sensor, expected)) == (sensor, expected)


@pytest.fixture
def projected(monkeypatch):
    """The sensors that were really projected, one after the other."""
    made, project = [], Projector.project

    def counted(self, sensor, *rest):
        made.append(sensor)
        return project(self, sensor, *rest)

    monkeypatch.setattr(Projector, "project", counted)
    return made


def test_a_slow_lidar_beside_a_fast_camera_is_projected_once_for_each_sweep(projected):
    kept, _, _ = open_projectors()
    identities = []
    for frame in range(9):
        kept.project("rgb", make_records("rgb", frame), frame)
        if frame % 3 == 0:
            sweep = make_records("lidar", frame)
        kept.project("lidar", sweep, frame)
        identities.append((kept.identity("rgb"), kept.identity("lidar")))
    assert (projected.count("rgb"), projected.count("lidar")) == (9, 3)
    assert [len(set(each)) for each in zip(*identities, strict=True)] == [9, 3]


@pytest.mark.parametrize("deskew", [False, True], ids=["as it came", "de-skewed"])
def test_the_instant_matters_to_a_sweep_that_is_moved_to_it_alone(projected, deskew):
    kept, _, _ = open_projectors(deskew)
    kept.set_motion(motion(1))
    sweep = make_records("lidar", 0)
    for instant_ns in (0, 0, 10**6, 10**6):
        kept.project("lidar", sweep, instant_ns)
    assert len(projected) == (2 if deskew else 1)


def test_equal_content_in_another_reading_is_projected_anew(projected):
    kept, _, _ = open_projectors()
    for _ in range(2):
        kept.project("rgb", make_records("rgb", 0), 0)
    assert len(projected) == 2


def test_identities_of_two_projectors_never_meet():
    one, two = (open_projectors()[0] for _ in range(2))
    record = make_records("rgb", 0)
    for projector in (one, two):
        projector.project("rgb", record, 0)
    assert one.identity("rgb") != two.identity("rgb")


def test_a_drawn_event_image_is_refused_once_it_no_longer_shares_the_cameras_frame():
    kept, _, _ = open_projectors()
    picture = (EventFrameRecord(0, FRAME, np.zeros((HEIGHT, WIDTH, 3), np.uint8)),)
    kept.project("event", picture, 0)
    kept.set_camera(CAMERAS[0], "another")
    with pytest.raises(CalibrationError, match="another"):
        kept.project("event", picture, 0)
