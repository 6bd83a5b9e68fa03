"""What the demo leaves behind: overlays, a contact sheet over the failures, and figures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from anyseg_core.projection import bin_events, project_lidar

if TYPE_CHECKING:
    from pathlib import Path

    from anyseg_core.geometry import Calibration
    from anyseg_core.types import Float32Array, UInt8Array
    from anyseg_ros.demo.monitor import Pictures, SensorLine, Tally
    from anyseg_ros.demo.script import Sample

TILE = 256
GAP = 6
TITLE = 30
CAPTION = 18
FAR_M = 40.0
PICTURE_ROWS = ("rgb", "depth", "event", "lidar", "overlay")
BACKGROUND = (24, 24, 28)
USED, LEFT_OUT, OUTPUT = (70, 190, 90), (225, 70, 60), (120, 120, 130)


def summary(tally: Tally, middleware: str, *, trained: bool) -> dict[str, Any]:
    """Return the demo's figures as JSON values."""
    latencies = tally.latencies_ms
    quantiles = np.percentile(latencies, (50, 95)) if latencies else (None, None)
    per_modality = {
        name: sum(count for letters, count in tally.sets.items() if letter in letters)
        for name, letter in (("rgb", "R"), ("depth", "D"), ("event", "E"), ("lidar", "L"))
    }
    return {
        "frames": tally.frames,
        "middleware": middleware,
        "trained": trained,
        "sets_by_modalities": dict(tally.sets.most_common()),
        "sets_used_by_modality": per_modality,
        "latency_ms": {
            "p50": None if quantiles[0] is None else round(float(quantiles[0]), 1),
            "p95": None if quantiles[1] is None else round(float(quantiles[1]), 1),
        },
        "detection_delay_ms": {
            fault: round(delay, 1) for fault, delay in tally.detection_delay_ms.items()
        },
        "recovery_delay_ms": {
            fault: round(delay, 1) for fault, delay in tally.recovery_delay_ms.items()
        },
        "dropped": tally.dropped,
    }


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def write_pictures(directory: Path, samples: list[Sample], calibration: Calibration) -> list[Path]:
    """Write one overlay per phase and the contact sheet; return the files, the sheet first."""
    sheet = directory / "contact_sheet.png"
    contact_sheet(samples, calibration).save(sheet)
    written = [sheet]
    for index, sample in enumerate(samples, start=1):
        if sample.pictures.overlay is not None:
            name = sample.title.lower().replace(",", "").replace(" ", "_")
            path = directory / f"overlay_{index}_{name}.png"
            Image.fromarray(sample.pictures.overlay).save(path)
            written.append(path)
    return written


def contact_sheet(samples: list[Sample], calibration: Calibration) -> Image.Image:
    """Return the sheet: a column per phase; a row per sensor, framed by use, and the overlay."""
    width = GAP + len(samples) * (TILE + GAP)
    sheet = Image.new(
        "RGB", (width, TITLE + len(PICTURE_ROWS) * (TILE + CAPTION + GAP)), BACKGROUND
    )
    draw = ImageDraw.Draw(sheet)
    title_font, font = ImageFont.load_default(size=18), ImageFont.load_default(size=12)
    for column, sample in enumerate(samples):
        left = GAP + column * (TILE + GAP)
        draw.text((left, 5), sample.title, (255, 255, 255), title_font)
        pictures = tiles(sample.pictures, calibration)
        for row, name in enumerate(PICTURE_ROWS):
            top = TITLE + row * (TILE + CAPTION + GAP)
            words, colour = caption(name, sample.sensors.get(name))
            sheet.paste(tile(pictures[name]), (left, top + CAPTION))
            draw.rectangle(
                (left, top + CAPTION, left + TILE - 1, top + CAPTION + TILE - 1), None, colour, 3
            )
            draw.text((left, top + 2), words, colour, font)
    return sheet


def caption(name: str, line: SensorLine | None) -> tuple[str, tuple[int, int, int]]:
    """Return what stands over a picture, and the colour that tells whether it was used."""
    if name == "overlay":
        return "segmentation over RGB", OUTPUT
    if line is not None and line.used:
        return f"{name}: used", USED
    reason = line.reason if line is not None else "not seen"
    return f"{name}: left out ({reason[:34]})", LEFT_OUT


def tile(picture: UInt8Array | None) -> Image.Image:
    """Return a picture at the size of a tile, or one that says that there is none."""
    if picture is None:
        empty = Image.new("RGB", (TILE, TILE), (45, 45, 50))
        ImageDraw.Draw(empty).text((TILE // 2 - 24, TILE // 2 - 8), "no data", (160, 160, 165))
        return empty
    return Image.fromarray(picture).resize((TILE, TILE), Image.Resampling.NEAREST)


def tiles(pictures: Pictures, calibration: Calibration) -> dict[str, UInt8Array | None]:
    """Return by row what can be looked at, uint8 [H, W, 3]; None where nothing came."""
    return {
        "rgb": pictures.rgb,
        "depth": None if pictures.depth_m is None else _by_distance(pictures.depth_m),
        "event": None if pictures.events is None else _event_picture(pictures),
        "lidar": None if pictures.lidar is None else _lidar_picture(pictures, calibration),
        "overlay": pictures.overlay,
    }


def _by_distance(distance_m: Float32Array) -> UInt8Array:
    """Return near in red, far in blue, nothing in black."""
    scaled = np.clip(255 * (1 - distance_m / FAR_M), 0, 255).astype(np.uint8)
    coloured = np.asarray(cv2.applyColorMap(scaled, cv2.COLORMAP_TURBO), np.uint8)[..., ::-1].copy()
    coloured[~(distance_m > 0)] = 0
    return coloured


def _event_picture(pictures: Pictures) -> UInt8Array:
    """Return rising brightness in red, falling in blue, on white."""
    record = pictures.events
    assert record is not None  # the caller looked
    positive, negative, _ = bin_events(record.events, record.width, record.height)
    picture = np.full((record.height, record.width, 3), 255, np.uint8)
    picture[positive > 0] = (210, 40, 40)
    picture[negative > positive] = (40, 70, 210)
    return picture


def _lidar_picture(pictures: Pictures, calibration: Calibration) -> UInt8Array:
    assert pictures.lidar is not None  # the caller looked
    image = project_lidar(
        pictures.lidar.points,
        calibration.camera("rgb"),
        calibration.transform("rgb", "lidar"),
        point_size=3,
    )
    return _by_distance(np.where(image.valid, image.channels[0], 0.0))
