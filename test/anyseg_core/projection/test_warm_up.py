"""Everything is compiled ahead, and a frame in steady state allocates nothing of its size."""

import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from numba.core.event import install_recorder

from anyseg_core import events as events_package
from anyseg_core.geometry import Camera
from anyseg_core.normalisation import DEFAULT_NORMALISATION
from anyseg_core.projection import (
    bin_events,
    deskew_points,
    event_map,
    label_points,
    normalise,
    project_depth,
    project_lidar,
    register_depth,
    remap_events,
    resize_rgb,
    time_surface,
    voxel_grid,
    warm_up,
)
from anyseg_core.types import EventArray

CAMERA = Camera(320, 240, ((200, 0, 160), (0, 200, 120), (0, 0, 1)), (-0.1, 0.01, 0, 0))
POSE = np.array(((0, -1, 0, 0), (0, 0, -1, 0), (1, 0, 0, 0), (0, 0, 0, 1)), float)


WARM_PROGRAM = """
import importlib, pkgutil
from anyseg_core import events, geometry, projection
from anyseg_core.kernels import Kernel
projection.warm_up()
loops = [
    value
    for package in (events, geometry, projection)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    for value in vars(importlib.import_module(module.name)).values()
    if isinstance(value, Kernel)
]
print(len(loops), sum(not loop._compiled for loop in loops))
"""


def test_warming_up_compiles_every_loop_of_the_front_end():
    """In a process of its own, where no other test has run a loop before."""
    done = subprocess.run(
        [sys.executable, "-c", WARM_PROGRAM],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    loops, missed = map(int, done.stdout.split())
    assert loops > 25
    assert missed == 0


def test_nothing_is_compiled_after_warming_up(frame):
    points, depth, rgb = frame
    warm_up()
    count = 60_000
    random = np.random.default_rng(1)
    packet = EventArray(
        random.integers(0, 320, count, np.uint16),
        random.integers(0, 240, count, np.uint16),
        np.sort(random.integers(0, 1000, count)),
        random.integers(0, 2, count, np.uint8),
    )
    few = EventArray(packet.x[::9], packet.y[::9], packet.t_ns[::9], packet.p[::9])
    with install_recorder("numba:compile") as recorder:
        for cloud in (points, points[::2, :3], points.astype(np.float64)):
            project_lidar(cloud, CAMERA, POSE)
            label_points(cloud, CAMERA, POSE, np.zeros((240, 320), np.uint8))
            deskew_points(cloud, np.zeros(len(cloud)), (1.0, 0, 0), (0, 0, 1.0))
        for image in (depth, depth[::-1, ::2], depth.astype(np.float32)):
            project_depth(image, 0.001, 100, 80)
        register_depth(depth, 0.001, CAMERA, CAMERA, np.eye(4))
        resize_rgb(rgb, 512, 512, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
        lookup = event_map(CAMERA, CAMERA.scaled(64, 64), np.eye(4))
        for events in (packet, few):
            bin_events(events, 320, 240)
            bin_events(events, 320, 240, t_end_ns=500)
            voxel_grid(events, 320, 240, 2, 0, 1000)
            time_surface(events, 320, 240, 1000, 100)
            remap_events(events, lookup)
        normalise(np.zeros((3, 9, 9), np.float32), None, DEFAULT_NORMALISATION["event"])
        for encoding in events_package.ENCODINGS:
            decoder = events_package.open_decoder(encoding, 320, 240)
            decoder.decode(bytes(80), 5)
            decoder.decode_into(bytes(80_000), np.zeros((3, 240, 320), np.float32), 5)
    assert recorder.buffer == []


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(0)
    points = random.uniform((1, -9, -2, 0), (30, 9, 2, 1), (5000, 4)).astype(np.float32)
    depth = random.integers(0, 9000, (240, 320), np.uint16)
    rgb = random.integers(0, 256, (480, 640, 3), np.uint8)
    return points, depth, rgb


def test_steady_state_allocates_nothing_of_an_images_size(frame):
    points, depth, rgb = frame
    lidar = project_lidar(points, CAMERA, POSE)
    aligned = project_depth(depth, 0.001, 320, 240)
    tensor = np.empty((3, 240, 320), np.float32)

    def one_frame():
        project_lidar(points, CAMERA, POSE, out=lidar)
        normalise(lidar.channels, lidar.valid, DEFAULT_NORMALISATION["lidar"], tensor)
        project_depth(depth, 0.001, 320, 240, out=aligned)
        register_depth(depth, 0.001, CAMERA, CAMERA, np.eye(4), out=aligned)
        normalise(aligned.channels, None, DEFAULT_NORMALISATION["depth"], tensor)
        statistics = DEFAULT_NORMALISATION["rgb"]
        resize_rgb(rgb, 320, 240, statistics.mean, statistics.std, out=tensor)

    one_frame()
    tracemalloc.start()
    try:
        one_frame()
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        one_frame()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < 20_000  # one image plane alone is 307 200 bytes
    assert after - before < 2_000
