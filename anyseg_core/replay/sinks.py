"""Where masks and pictures of a replay go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from anyseg_core.errors import ConfigurationError
from anyseg_core.replay.mask_bag import MaskBag
from anyseg_core.replay.pictures import FramePictures

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from anyseg_core.replay.cases import Case
    from anyseg_core.replay.job import ReplaySettings
    from anyseg_core.replay.rig import Rig
    from anyseg_core.replay.run import MaskSink
    from anyseg_core.segmentation import Segmentation

MASK_FORMATS = ("none", "png", "bag")


class PngMasks:
    """Writes each mask as ``<stamp in ns>.png``: class ids, 255 for none.

    Args:
        folder: made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        make_folder(folder)
        self._folder = folder

    def take(self, result: Segmentation) -> None:
        """Write one mask."""
        done, data = cv2.imencode(".png", result.labels)
        assert done  # any uint8 image fits a PNG
        (self._folder / f"{result.stamp_ns}.png").write_bytes(np.asarray(data).tobytes())


class Sinks:
    """Hands each mask to several sinks."""

    def __init__(self, sinks: list[MaskSink]) -> None:
        self._sinks = sinks

    def take(self, result: Segmentation) -> None:
        """Hand one mask on."""
        for sink in self._sinks:
            sink.take(result)


def open_sink(
    settings: ReplaySettings,
    case: Case,
    rig: Rig,
    stack: ExitStack,
    watcher: MaskSink | None = None,
) -> MaskSink | None:
    """Return what takes a case's masks, or None where nothing does.

    Args:
        settings: what is asked for.
        case: whose masks they are.
        rig: for the classes and the start.
        stack: closes what must be closed.
        watcher: takes them as well.

    Raises:
        ConfigurationError: the output folder cannot be written.
    """
    if settings.output is None:
        return watcher
    sinks: list[MaskSink] = [] if watcher is None else [watcher]
    if settings.masks == "png":
        sinks.append(PngMasks(settings.output / "masks" / case.name))
    elif settings.masks == "bag":
        make_folder(settings.output / "masks")
        sinks.append(stack.enter_context(MaskBag(settings.output / "masks" / case.name)))
    if settings.film:
        folder = settings.output / "frames" / case.name
        make_folder(folder)
        sinks.append(FramePictures(folder, rig.segmenter.card.classes, case, rig.start_ns))
    return Sinks(sinks) if sinks else None


def make_folder(folder: Path) -> None:
    """Make a folder and its parents.

    Raises:
        ConfigurationError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"output folder {folder} ({error.strerror})",
            "one that can be written",
            "choose another",
        ) from error
