"""MUSES: frame camera, event camera and LiDAR of a car (Broedermann et al., ECCV 2024).

Files lie under ``KIND/SPLIT/WEATHER/TIME/NAME_KIND``, recordings raw; ``calib.json`` at the root
brings them into the frame camera's image.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.data.class_sets import CITYSCAPES
from anyseg_core.data.event_file import read_events
from anyseg_core.data.file_dataset import Entry, FileDataset, Listing, complete_and_missing
from anyseg_core.data.files import bad_file, names_below, read_bytes
from anyseg_core.data.images import ImageReader
from anyseg_core.data.labels import LABELS, LabelReader, id_lookup
from anyseg_core.geometry import Camera, load_calibration
from anyseg_core.normalisation import DEFAULT_NORMALISATION
from anyseg_core.projection import EventMap, bin_events, event_map, project_lidar, remap_events

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from anyseg_core.data.file_dataset import Reader
    from anyseg_core.geometry import Calibration
    from anyseg_core.types import Float32Array, Float64Array

MIN_RANGE_M = 1.0
WINDOW_NS = 30_000_000
"""Events of the last 30 ms before the picture count."""

_KINDS = {
    "rgb": ("frame_camera", "_frame_camera.png"),
    "event": ("event_camera", "_event_camera.h5"),
    "lidar": ("lidar", "_lidar.bin"),
    LABELS: ("gt_semantic", "_gt_labelTrainIds.png"),
}
_MODALITIES = ("rgb", "event", "lidar")
_CALIBRATION = "calib.json"
_POINT_COLUMNS = 6  # x, y, z, intensity, ring, time stamp
_PARTS = 3  # weather, time of day, file


@dataclass(frozen=True, slots=True)
class MusesLayout:
    """MUSES as it is downloaded.

    Attributes:
        root: the folder that holds ``frame_camera``, ``calib.json`` and so on.
        modalities: those that are read; radar and motion data are left alone.
    """

    root: Path
    modalities: tuple[str, ...] = _MODALITIES

    def splits(self) -> tuple[str, ...]:
        """Return the splits that are there."""
        folders = (self.root / _KINDS["rgb"][0]).glob("*/")
        return tuple(sorted(folder.name for folder in folders))

    def listing(self, split: str, modalities: Sequence[str]) -> Listing:
        """List one split; see ``Layout``. Raises CalibrationError too, for ``calib.json``."""
        kinds = [kind for kind in _KINDS if kind in {*modalities, LABELS}]
        present = {
            kind: {
                f"{split}/{name}"
                for name in names_below(self.root / _KINDS[kind][0] / split, _KINDS[kind][1])
                if name.count("/") == _PARTS - 1
            }
            for kind in kinds
        }
        places = {
            name: {kind: self.root / _KINDS[kind][0] / f"{name}{_KINDS[kind][1]}" for kind in kinds}
            for name in set().union(*present.values())
        }
        complete, missing = complete_and_missing(places, present)
        dataset = FileDataset(
            name="MUSES",
            split=split,
            classes=CITYSCAPES,
            modalities=tuple(modalities),
            normalisation={name: DEFAULT_NORMALISATION[name] for name in modalities},
            root=self.root,
            entries=[
                Entry(name, places[name], "_".join(name.split("/")[1:3])) for name in complete
            ],
            readers=self._readers(modalities),
            label_reader=LabelReader(id_lookup({i: i for i in range(len(CITYSCAPES))})),
        )
        return Listing(dataset, missing)

    def _readers(self, modalities: Sequence[str]) -> dict[str, Reader]:
        if set(modalities) <= {"rgb"}:
            return {"rgb": ImageReader("rgb")}
        calibration = load_calibration(self.root / _CALIBRATION)
        readers: dict[str, Reader] = {
            "rgb": ImageReader("rgb"),
            "event": _event_reader(calibration),
            "lidar": LidarReader(calibration.camera("rgb"), calibration.transform("rgb", "lidar")),
        }
        return {name: readers[name] for name in modalities}


def _event_reader(calibration: Calibration) -> EventReader:
    return EventReader(
        calibration.camera("event"),
        calibration.camera("rgb"),
        calibration.transform("rgb", "event"),
    )


@dataclass(frozen=True, slots=True, eq=False)
class LidarReader:
    """Draws a sweep, float64 [N, 6] in a ``.bin``, into the camera's image."""

    camera: Camera
    camera_from_lidar: Float64Array

    def __call__(self, files: dict[str, Path]) -> Float32Array:
        """Return range m, intensity and height m; raises RecordError for a file of other size."""
        path = files["lidar"]
        data = read_bytes(path)
        if len(data) % (8 * _POINT_COLUMNS):
            raise bad_file(path, f"{len(data)} bytes", "48 bytes a point: six float64")
        points = np.frombuffer(data, "<f8").reshape(-1, _POINT_COLUMNS)
        image = project_lidar(
            points[:, :4], self.camera, self.camera_from_lidar, min_range_m=MIN_RANGE_M
        )
        return image.channels


@dataclass(frozen=True, slots=True, eq=False)
class EventReader:
    """Counts the events of an ``.h5`` in the camera's image."""

    event_camera: Camera
    camera: Camera
    camera_from_event: Float64Array

    def __call__(self, files: dict[str, Path]) -> Float32Array:
        """Return positive counts, negative counts and 0; raises RecordError for a bad file."""
        events = read_events(files["event"], WINDOW_NS)
        lookup = _lookup(self.event_camera, self.camera, self.camera_from_event.tobytes())
        return bin_events(remap_events(events, lookup), self.camera.width, self.camera.height)


@lru_cache(maxsize=2)
def _lookup(event_camera: Camera, camera: Camera, camera_from_event: bytes) -> EventMap:
    """Return where every event pixel falls; kept, as every sample has the same."""
    transform = np.frombuffer(camera_from_event).reshape(4, 4)
    return event_map(event_camera, camera, transform)


def is_muses(root: Path) -> bool:
    """Say whether a folder looks like MUSES."""
    return (root / _KINDS["rgb"][0]).is_dir() and (root / _CALIBRATION).is_file()
