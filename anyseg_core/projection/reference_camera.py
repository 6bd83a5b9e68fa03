"""The camera in whose image plane everything meets, as camera info and images tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyseg_core.errors import CalibrationError

if TYPE_CHECKING:
    from anyseg_core.geometry import Camera
    from anyseg_core.types import RgbRecord


@dataclass(frozen=True, slots=True)
class View:
    """The reference camera at full size and at the network's size; swapped as one."""

    full: Camera
    scaled: Camera
    frame_id: str


class ReferenceCamera:
    """What is known of the reference camera, which may change while the robot runs.

    Args:
        width: columns that the network sees.
        height: rows that the network sees.
    """

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._view: View | None = None
        self._given_up: CalibrationError | None = None
        self._image_size: tuple[int, int] | None = None
        self._image_frame = ""

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Width and height of its images; None before anything told them."""
        view = self._view
        if self._image_size is None and view is not None:
            return view.full.width, view.full.height
        return self._image_size

    @property
    def frame_id(self) -> str:
        """Its frame; empty before anything told it."""
        view = self._view
        return view.frame_id if view is not None and view.frame_id else self._image_frame

    def set_camera(self, camera: Camera, frame_id: str) -> bool:
        """Take a new camera; returns whether it differs from the one before.

        Raises:
            CalibrationError: it is of another size than the images; the one before stays.
        """
        size = (camera.width, camera.height)
        if self._image_size is not None and size != self._image_size:
            raise _size_conflict(size, self._image_size)
        view = self._view
        if view is not None and view.full == camera and view.frame_id == frame_id:
            return False
        self._view = View(camera, camera.scaled(*self._size), frame_id)
        return True

    def see_image(self, record: RgbRecord) -> None:
        """Note an image's size and frame; a camera of another size is given up."""
        height, width = record.image.shape[:2]
        self._image_size, self._image_frame = (width, height), record.frame_id
        view = self._view
        if view is not None and (view.full.width, view.full.height) != (width, height):
            self._given_up = _size_conflict((view.full.width, view.full.height), (width, height))
            self._view = None

    def require_view(self) -> View:
        """Return the camera.

        Raises:
            CalibrationError: there is none, or the images were of another size.
        """
        view = self._view
        if view is None and self._given_up is not None:
            raise self._given_up
        if view is None:
            raise CalibrationError(
                "no camera info",
                "the reference camera's intrinsics",
                "publish CameraInfo on rgb/camera_info, or name the camera in calibration_file",
            )
        return view


def _size_conflict(camera: tuple[int, int], image: tuple[int, int]) -> CalibrationError:
    return CalibrationError(
        f"a camera info of {camera[0]} x {camera[1]}",
        f"the images' size, {image[0]} x {image[1]}",
        "let the driver publish the camera info of the images that it sends",
    )
