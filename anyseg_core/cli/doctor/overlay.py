"""``anyseg doctor --overlay``: a picture that shows what is wrong with a rig."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from anyseg_core.errors import CalibrationError, ConfigurationError, RecordError
from anyseg_core.geometry import load_calibration
from anyseg_core.projection import bin_events, event_map, project_lidar, remap_events
from anyseg_core.projection.overlay import draw_overlay
from anyseg_core.types import EventArray

if TYPE_CHECKING:
    import argparse

    from anyseg_core.geometry import Calibration, Camera
    from anyseg_core.types import Float32Array, UInt8Array

LARGEST_INPUT_BYTES = 1_000_000_000
EVENT_CAMERA = "event"
KITTI_COLUMNS = 4
REQUIRED = ("image", "points", "calibration")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that go with ``--overlay``."""
    group = parser.add_argument_group("with --overlay")
    group.add_argument("--image", type=Path, metavar="FILE", help="the camera's image")
    group.add_argument(
        "--points",
        type=Path,
        metavar="FILE",
        help=".npy [N, 3 or more] or KITTI's .bin: x, y, z in metres",
    )
    group.add_argument(
        "--calibration",
        type=Path,
        metavar="FILE",
        help="our own, Kalibr's, KITTI's or MUSES' file",
    )
    group.add_argument(
        "--events", type=Path, metavar="FILE", help=".npy [N, 4]: x, y, time, polarity"
    )
    group.add_argument(
        "--camera", metavar="NAME", help="camera in the calibration (default: rgb, or the only one)"
    )
    group.add_argument(
        "--lidar", default="lidar", metavar="NAME", help="the points' frame (default: %(default)s)"
    )
    group.add_argument(
        "--point-size", type=int, default=2, metavar="PIXELS", help="side of a drawn point"
    )


def run(options: argparse.Namespace) -> int:
    """Write the overlay; see ``add_arguments``."""
    lacking = [name for name in REQUIRED if getattr(options, name) is None]
    if lacking:
        raise ConfigurationError(
            f"--overlay without {', '.join(f'--{name}' for name in lacking)}",
            "an image, the points and the calibration",
            "name all three files",
        )
    image = _read_image(options.image)
    size = image.shape[1], image.shape[0]
    calibration = load_calibration(options.calibration, image_size=size)
    name = _camera_name(calibration, options.camera)
    camera = calibration.camera(name)
    if (camera.width, camera.height) != size:
        raise CalibrationError(
            f"camera {name!r} of {camera.width} x {camera.height} for an image of "
            f"{size[0]} x {size[1]}",
            "the same size",
            "use the image as the camera gave it, or its own calibration",
        )
    sweep = project_lidar(
        _read_points(options.points),
        camera,
        calibration.transform(name, options.lidar),
        point_size=options.point_size,
    )
    counts = None
    if options.events is not None:
        counts = _project_events(_read_events(options.events), calibration, name, camera)
    picture = draw_overlay(image, sweep, counts)
    if not _write_image(options.overlay, picture):
        raise ConfigurationError(
            f"--overlay {options.overlay}", "a .png or .jpg that can be written", "correct the path"
        )
    print(f"{options.overlay}: {int(sweep.valid.sum())} pixels with LiDAR, red near, blue far")
    return 0


def _camera_name(calibration: Calibration, asked: str | None) -> str:
    if asked is not None:
        return asked
    names = list(calibration.cameras)
    if "rgb" in names or len(names) != 1:
        return "rgb"  # where there is none, the calibration names those that there are
    return names[0]


def _project_events(
    events: EventArray, calibration: Calibration, name: str, camera: Camera
) -> Float32Array:
    """Count the events in the camera's plane: from the event camera's own where it is known."""
    if EVENT_CAMERA in calibration.cameras:
        camera_from_event = calibration.transform(name, EVENT_CAMERA)
        lookup = event_map(calibration.camera(EVENT_CAMERA), camera, camera_from_event)
        events = remap_events(events, lookup)
    return bin_events(events, camera.width, camera.height)


def _read_image(path: Path) -> UInt8Array:
    data = np.frombuffer(_read_bytes(path), np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if data.size else None
    if pixels is None:
        raise RecordError(f"{path}: no image", "a PNG, JPEG or the like", "check the file")
    return np.asarray(pixels, np.uint8)


def _write_image(path: Path, picture: UInt8Array) -> bool:
    try:
        return cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    except cv2.error:
        return False


def _read_points(path: Path) -> np.ndarray:
    if path.suffix == ".npy":
        return _read_table(path)
    data = _read_bytes(path)
    if len(data) % (4 * KITTI_COLUMNS):
        raise RecordError(
            f"{path}: {len(data)} bytes", "float32 x, y, z, intensity, 16 bytes each", "check it"
        )
    return np.frombuffer(data, "<f4").reshape(-1, KITTI_COLUMNS)


def _read_events(path: Path) -> EventArray:
    table = _read_table(path)
    if table.ndim != 2 or table.shape[1] != 4 or table.dtype.kind not in "iuf":
        raise RecordError(
            f"{path}: {table.dtype} {table.shape}", "[N, 4]: x, y, time, polarity", "convert it"
        )
    inside = ((table[:, :2] >= 0) & (table[:, :2] < 65535)).all(axis=1)
    x, y, time, polarity = table[inside].T
    return EventArray(
        x.astype(np.uint16), y.astype(np.uint16), time.astype(np.int64),
        (polarity > 0).astype(np.uint8),
    )  # fmt: skip


def _read_table(path: Path) -> np.ndarray:
    try:
        table = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _unreadable(path, str(error) or "an empty file", "a .npy file") from None
    if not isinstance(table, np.ndarray):
        raise _unreadable(path, "an archive", "a .npy file of one array")
    return table


def _read_bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_INPUT_BYTES:
            raise _unreadable(path, "more than 1 GB", "one image or one sweep")
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, str(error.strerror), "a readable file") from None


def _unreadable(path: Path, got: str, wanted: str) -> RecordError:
    return RecordError(f"{path}: {' '.join(got.split())}", wanted, "check the path and the file")
