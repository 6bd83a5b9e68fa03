"""Cameras, poses and oracles that the projection tests share."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from anyseg_core.geometry import Camera

# A loop's first call loads compiled code: no example may fail for being slow.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

REPOSITORY = Path(__file__).resolve().parents[3]

LENSES = {
    "pinhole": ("plumb_bob", ()),
    "plumb_bob": ("plumb_bob", (-0.3, 0.1, 1e-3, -2e-3, 0.01)),
    "folding": ("plumb_bob", (-0.4, 0.0, 0.0, 0.0, 0.0)),
    "rational": ("rational_polynomial", (0.5, -2.0, 1e-3, 1e-3, 1.6, 0.4, -1.9, 1.5)),
    "fisheye": ("equidistant", (0.02, -0.01, 0.003, -0.001)),
}


@pytest.fixture(scope="session", params=LENSES)
def lens_camera(request):
    """A camera of 48 x 32 pixels with each lens in turn."""
    model, distortion = LENSES[request.param]
    matrix = ((30.0, 0.0, 23.2), (0.0, 28.0, 15.7), (0.0, 0.0, 1.0))
    return Camera(48, 32, matrix, distortion, model)


@pytest.fixture(scope="session")
def pinhole():
    """A camera of 40 x 30 pixels whose centre is pixel (20, 15) and whose focal length is 20."""
    return Camera(40, 30, ((20.0, 0.0, 20.0), (0.0, 20.0, 15.0), (0.0, 0.0, 1.0)))


@pytest.fixture(scope="session")
def optical_from_body():
    """Body axes (x forward, y left, z up) to optical axes, both at one place."""
    return np.array(((0, -1, 0, 0), (0, 0, -1, 0), (1, 0, 0, 0), (0, 0, 0, 1)), float)


@pytest.fixture(scope="session")
def kitti_frame():
    """The folder of a real KITTI frame, if it stands beside the repository."""
    folder = REPOSITORY.parent / "shared" / "real" / "kitti_frame"
    if not (folder / "lidar.bin").is_file():
        pytest.skip(f"the real KITTI frame is not at {folder}")
    return folder
