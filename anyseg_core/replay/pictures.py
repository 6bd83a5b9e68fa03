"""One picture per mask, for the film and the report: what the camera saw, what the network said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from anyseg_core.segmentation import subset_letters
from anyseg_core.types import MODALITIES

if TYPE_CHECKING:
    from pathlib import Path

    from anyseg_core.classes import ClassSet
    from anyseg_core.replay.cases import Case
    from anyseg_core.segmentation import Segmentation

_HEIGHT = 240
_MOST_FILMED = 600
_BAR = 18
_WHITE, _RED, _GREEN, _GREY = (255, 255, 255), (214, 57, 57), (64, 160, 80), (60, 60, 60)


class FramePictures:
    """Writes each mask as ``<stamp in ns>.jpg``: camera, mask, and a line on every sensor.

    Args:
        folder: exists.
        classes: names and colours.
        case: its faults are marked.
        start_ns: the recording's start.
    """

    def __init__(self, folder: Path, classes: ClassSet, case: Case, start_ns: int) -> None:
        self._folder, self._case, self._start_ns = folder, case, start_ns
        self._palette = classes.palette()

    def take(self, result: Segmentation) -> None:
        """Write one picture."""
        height, width = result.labels.shape
        camera = result.rgb_image
        if camera is None:
            camera = np.full((height, width, 3), _GREY, np.uint8)
        size = (max(1, round(width * _HEIGHT / height)), _HEIGHT)
        sheet = Image.new("RGB", (2 * size[0], _HEIGHT + 2 * _BAR), (20, 20, 20))
        for column, picture in enumerate((camera, self._palette[result.labels])):
            tile = Image.fromarray(picture).resize(size, Image.Resampling.NEAREST)
            sheet.paste(tile, (column * size[0], _BAR))
        self._write_lines(sheet, result)
        sheet.save(self._folder / f"{result.stamp_ns}.jpg", quality=85)

    def _write_lines(self, sheet: Image.Image, result: Segmentation) -> None:
        draw = ImageDraw.Draw(sheet)
        t_ns = result.frame.gathered_ns - self._start_ns
        faults = [one for one in self._case.faults if one.active(t_ns)]
        text = ", ".join(f"{one.sensor}: {one.kind}" for one in faults) or "no fault"
        letters = subset_letters(result.used)
        draw.text((4, 3), f"{t_ns / 1e9:6.2f} s   used {letters}", fill=_WHITE)
        draw.text((sheet.width // 2 + 4, 3), f"injected: {text}", fill=_RED if faults else _WHITE)
        step = sheet.width // len(MODALITIES)
        for index, report in enumerate(result.sensors):
            colour = _GREEN if report.used else _RED
            left = index * step
            draw.rectangle((left, sheet.height - _BAR, left + step - 2, sheet.height), fill=colour)
            line = report.sensor if report.used else f"{report.sensor}: {report.reason}"
            draw.text((left + 3, sheet.height - _BAR + 3), line[: step // 6], fill=_WHITE)


def write_film(folder: Path, film: Path, frame_ms: int) -> None:
    """Write a folder's pictures, in the order of their stamps, as an animated GIF.

    Of many pictures every second, third or later one is taken: the film is held in memory.
    """
    paths = sorted(folder.glob("*.jpg"), key=lambda path: int(path.stem))
    step = -(-len(paths) // _MOST_FILMED) or 1
    paths, frame_ms = paths[::step], frame_ms * step
    frames = [Image.open(path).convert("P", palette=Image.Palette.ADAPTIVE) for path in paths]
    if frames:
        frames[0].save(
            film, save_all=True, append_images=frames[1:], duration=frame_ms, loop=0, optimize=True
        )
