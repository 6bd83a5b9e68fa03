"""Everything is compiled ahead, and a frame in steady state allocates nothing of its size."""

import importlib
import pkgutil
import tracemalloc

import numpy as np
import pytest

from anyseg_core import events, geometry, projection
from anyseg_core.geometry import Camera
from anyseg_core.kernels import Kernel
from anyseg_core.normalisation import DEFAULT_NORMALISATION
from anyseg_core.projection import (
    normalise,
    project_depth,
    project_lidar,
    register_depth,
    resize_rgb,
    warm_up,
)

CAMERA = Camera(320, 240, ((200, 0, 160), (0, 200, 120), (0, 0, 1)), (-0.1, 0.01, 0, 0))
POSE = np.array(((0, -1, 0, 0), (0, 0, -1, 0), (1, 0, 0, 0), (0, 0, 0, 1)), float)


def loops_of(package):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Kernel):
                yield value


@pytest.mark.parametrize("package", [geometry, events, projection])
def test_warming_up_compiles_every_loop_of_the_front_end(package):
    warm_up()
    loops = list(loops_of(package))
    assert len(loops) >= 3
    assert all(loop._compiled for loop in loops)


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
