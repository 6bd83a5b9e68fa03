"""A rig's calibration: its cameras, and the graph of transforms between its frames."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.errors import CalibrationError
from anyseg_core.geometry.transforms import check_transform, invert_transform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anyseg_core.geometry.camera import Camera
    from anyseg_core.types import Float64Array


@dataclass(frozen=True, eq=False)
class Calibration:
    """Cameras and rigid transforms of one rig.

    Args:
        cameras: camera by name.
        transforms: target_from_source [4, 4] in metres by (target, source) frame names.
        frames: the frame of each camera, by the camera's name; a camera that is not named here
            has its own name as its frame.

    Raises:
        CalibrationError: a transform is not rigid, or a frame is given to an unknown camera.
    """

    cameras: Mapping[str, Camera] = field(default_factory=dict)
    transforms: Mapping[tuple[str, str], Float64Array] = field(default_factory=dict)
    frames: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.frames:
            self.camera(name)
        checked = {
            (target, source): check_transform(matrix, f"transform {target} from {source}")
            for (target, source), matrix in self.transforms.items()
        }
        object.__setattr__(self, "transforms", checked)

    def camera(self, name: str) -> Camera:
        """Return the camera of that name.

        Raises:
            CalibrationError: there is none.
        """
        if name not in self.cameras:
            raise CalibrationError(
                f"no camera {name!r}",
                f"one of {sorted(self.cameras)}",
                "add it to the calibration or correct the name",
            )
        return self.cameras[name]

    def frame(self, name: str) -> str:
        """Return the frame of the camera ``name``, or ``name`` itself where it is no camera."""
        return self.frames.get(name, name)

    def transform(self, target: str, source: str) -> Float64Array:
        """Return target_from_source [4, 4], composed along the shortest chain of transforms.

        Transforms are followed both ways. Frames that no chain joins raise: a missing transform is
        never taken for the identity.

        Args:
            target: a frame, or a camera's name for the frame of that camera.
            source: likewise.

        Raises:
            CalibrationError: no chain joins the two, or a frame is unknown.
        """
        wanted, start = self.frame(target), self.frame(source)
        known = {self.frame(name) for name in self.cameras}.union(*self.transforms)
        if wanted in known and start in known:
            reached = {start: np.eye(4)}
            queue = deque([start])
            while queue and wanted not in reached:
                frame = queue.popleft()
                for other, other_from_frame in self._neighbours(frame):
                    if other not in reached:
                        reached[other] = other_from_frame @ reached[frame]
                        queue.append(other)
            if wanted in reached:
                return reached[wanted]
        raise CalibrationError(
            f"no chain of transforms from {start!r} to {wanted!r} (known frames: {sorted(known)})",
            "frames that transforms join",
            "add the missing transform to the calibration",
        )

    def _neighbours(self, frame: str) -> Iterator[tuple[str, Float64Array]]:
        for (target, source), target_from_source in self.transforms.items():
            if source == frame:
                yield target, target_from_source
            elif target == frame:
                yield source, invert_transform(target_from_source)
