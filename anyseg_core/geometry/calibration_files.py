"""Calibration files: ours written and read, others' recognised by their content.

Our own format::

    anyseg_calibration: 1
    cameras:
      rgb:
        frame: rgb_optical          # optional: else the camera's name
        width: 1280
        height: 720
        model: plumb_bob            # optional: plumb_bob, rational_polynomial or equidistant
        matrix: [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]
        distortion: [k1, k2, p1, p2, k3]   # optional
    transforms:                     # p_target = T p_source, metres
      - target: rgb_optical
        source: lidar
        translation: [x, y, z]      # and a quaternion; or matrix: 4 x 4
        quaternion: [x, y, z, w]
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from anyseg_core.errors import CalibrationError
from anyseg_core.geometry.calibration import Calibration
from anyseg_core.geometry.calibration_formats import (
    KITTI_SIZE,
    build_camera,
    is_kitti,
    read_kalibr,
    read_kitti,
    read_muses,
    read_transform,
)
from anyseg_core.geometry.fields import Fields
from anyseg_core.geometry.transforms import transform_from_quaternion

if TYPE_CHECKING:
    from anyseg_core.geometry.camera import Camera
    from anyseg_core.types import Float64Array

VERSION = 1
VERSION_KEY = "anyseg_calibration"
LARGEST_BYTES = 250_000

_FORMATS = "ours, a Kalibr camchain, a KITTI calib .txt or MUSES' calib.json"


def load_calibration(path: str | Path, image_size: tuple[int, int] = KITTI_SIZE) -> Calibration:
    """Read a calibration file: ours, a Kalibr camchain, a KITTI calib .txt, MUSES' calib.json.

    Args:
        path: the file; the content says which format it is.
        image_size: width and height for KITTI, whose files do not hold them.

    Raises:
        CalibrationError: the file cannot be read, is larger than 250 kB, is of no known format, or
            holds a wrong value: the error names the file and the key.
    """
    path = Path(path)
    text = _read_text(path)
    if is_kitti(text):
        return read_kitti(text, path, image_size)
    fields = Fields(_parse(text, path), path)
    names = fields.values.keys()
    if VERSION_KEY in names:
        return _read_own(fields)
    if {"intrinsics", "extrinsics"} <= names:
        return read_muses(fields)
    if names and all(re.fullmatch(r"cam\d+", name) for name in names):
        return read_kalibr(fields)
    raise CalibrationError(
        f"{path}: a document with the keys {sorted(names)[:8]}", _FORMATS, f"add {VERSION_KEY}: 1"
    )


def save_calibration(calibration: Calibration, path: str | Path) -> None:
    """Write a calibration in our own format; `load_calibration` gives the same numbers back.

    Raises:
        CalibrationError: the file cannot be written.
    """
    document = {
        VERSION_KEY: VERSION,
        "cameras": {
            name: {
                "frame": calibration.frame(name),
                "width": camera.width,
                "height": camera.height,
                "model": camera.model,
                "matrix": camera.matrix.tolist(),
                "distortion": list(camera.distortion),
            }
            for name, camera in calibration.cameras.items()
        },
        "transforms": [
            {"target": target, "source": source, "matrix": matrix.tolist()}
            for (target, source), matrix in calibration.transforms.items()
        ],
    }
    text = yaml.safe_dump(document, sort_keys=False, default_flow_style=None)
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CalibrationError(f"{path}: {error.strerror}", "a file to write", "check it") from None


def _read_own(fields: Fields) -> Calibration:
    fields.only(VERSION_KEY, "cameras", "transforms")
    version = fields.value(VERSION_KEY)
    if version != VERSION:
        raise fields.error(f"version {version!r}", f"version {VERSION}", VERSION_KEY)
    cameras: dict[str, Camera] = {}
    frames: dict[str, str] = {}
    listed = fields.mapping("cameras")
    for name in listed.values:
        entry = listed.mapping(name)
        cameras[name] = _read_camera(entry)
        frames[name] = entry.text("frame") if "frame" in entry.values else name
    transforms: dict[tuple[str, str], Float64Array] = {}
    entries = fields.values.get("transforms", [])
    if not isinstance(entries, list):
        raise fields.error("no list", "a list of transforms", "transforms")
    for number, value in enumerate(entries):
        entry = Fields(value, fields.path, f"transforms[{number}]")
        ends = entry.text("target"), entry.text("source")
        if ends in transforms or ends[::-1] in transforms or ends[0] == ends[1]:
            raise entry.error(f"{ends[0]} from {ends[1]}", "each pair of two frames once")
        transforms[ends] = _read_own_transform(entry)
    return Calibration(cameras, transforms, frames)


def _read_camera(entry: Fields) -> Camera:
    entry.only("frame", "width", "height", "model", "matrix", "distortion")
    return build_camera(
        entry,
        entry.size("width"),
        entry.size("height"),
        entry.numbers("matrix", (3, 3)),
        entry.numbers("distortion") if "distortion" in entry.values else (),
        entry.text("model") if "model" in entry.values else "plumb_bob",
    )


def _read_own_transform(entry: Fields) -> Float64Array:
    if "matrix" in entry.values:
        entry.only("target", "source", "matrix")
        return read_transform(entry, "matrix")
    entry.only("target", "source", "translation", "quaternion")
    return transform_from_quaternion(
        entry.numbers("translation", (3,)),
        entry.numbers("quaternion", (4,)),
        f"{entry.path}: {entry.key}.quaternion",
    )


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise CalibrationError(
            f"{path}: {error.strerror}", "a readable file", "check the path"
        ) from None
    if len(data) > LARGEST_BYTES:
        raise CalibrationError(
            f"{path}: more than {LARGEST_BYTES} bytes", "a calibration file", "check the path"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CalibrationError(f"{path}: no UTF-8 text", _FORMATS, "check the path") from None


class _Loader(yaml.SafeLoader):
    """Plain data only, without aliases (which can grow without bound) and repeated keys."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias (*name), which a calibration has no use for")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's own signature
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        seen: set[str] = set()
        for name in names:
            if name in seen:
                raise yaml.YAMLError(f"the key {name!r} twice in one mapping")
            seen.add(name)
        return super().construct_mapping(node, deep)


def _parse(text: str, path: Path) -> object:
    """Parse JSON, which may be indented by tabs, or YAML."""
    try:
        if text.lstrip().startswith("{"):
            with suppress(json.JSONDecodeError):
                return json.loads(text)
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader, made stricter
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:300]
        raise CalibrationError(f"{path}: {reason}", _FORMATS, "correct the file") from None
