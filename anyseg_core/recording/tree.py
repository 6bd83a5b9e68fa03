"""Files of a data set in DELIVER's layout, each written as a whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from anyseg_core.errors import ConfigurationError
from anyseg_core.recording.encoding import ENCODINGS, encode_labels

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from anyseg_core.recording.channels import ObservedFrame
    from anyseg_core.recording.plan import Sequence

FOLDERS: dict[str, tuple[str, str]] = {
    "rgb": ("img", "rgb"),
    "depth": ("depth", "depth"),
    "event": ("event", "event"),
    "lidar": ("lidar", "lidar"),
    "labels": ("semantic", "semantic"),
}
"""Folder and file tag of each modality, and of the labels, as in DELIVER."""

_COMPRESSION = [cv2.IMWRITE_PNG_COMPRESSION, 2]


def frame_path(root: Path, what: str, sequence: Sequence, index: int) -> Path:
    """Return the file of a modality, or of "labels", of a sequence's frame."""
    folder, tag = FOLDERS[what]
    name = f"{index:06d}_{tag}_front.png"
    return root / folder / sequence.condition / sequence.split / sequence.folder / name


def is_complete(root: Path, sequence: Sequence, index: int) -> bool:
    """Return whether a frame is there: its labels are written last."""
    return frame_path(root, "labels", sequence, index).is_file()


def write_frame(root: Path, sequence: Sequence, index: int, frame: ObservedFrame) -> None:
    """Write every modality, then the labels.

    Raises:
        ConfigurationError: a file cannot be written.
    """
    images: dict[str, NDArray[Any]] = {
        name: ENCODINGS[name].encode(channels) for name, channels in frame.channels.items()
    }
    images["labels"] = encode_labels(frame.labels)
    for what, image in images.items():
        write_whole(frame_path(root, what, sequence, index), _png(image))


def write_whole(path: Path, data: bytes) -> None:
    """Write a file under another name and then rename it, so that it is never there in part.

    Raises:
        ConfigurationError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        os.replace(part, path)  # noqa: PTH105 - the name that says what it guarantees
    except OSError as error:
        raise ConfigurationError(
            f"{path}: {error.strerror}", "a folder with room that can be written", "choose another"
        ) from None


def _png(image: NDArray[Any]) -> bytes:
    """Return a PNG file of RGB, RGBA or grey pixels."""
    order = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    pixels = image if image.ndim == 2 else cv2.cvtColor(image, order[image.shape[2]])
    encoded = cv2.imencode(".png", pixels, _COMPRESSION)[1]
    return np.asarray(encoded).tobytes()
