# ruff: noqa: INP001 - the scripts are no package
"""Draw the contact sheet of the simulator: one street under each condition, sensor by sensor.

Run from the repository's root: ``python scripts/draw_street_conditions.py``. It writes
``docs/images/street_conditions.png``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from anyseg_core.classes import DELIVER
from anyseg_core.geometry import Camera
from anyseg_core.projection import bin_events, project_lidar
from anyseg_core.simulation import CONDITIONS, HELD_OUT_CONDITIONS, RigConfig, SimulatedRig

if TYPE_CHECKING:
    from anyseg_core.types import Float32Array, UInt8Array

COLUMNS = ("RGB", "depth", "LiDAR", "events", "labels")
FARTHEST_M = 45.0
WINDOW_NS = 50_000_000
GAP_PX, HEAD_PX, SIDE_PX = 4, 26, 64


def near_red(distance_m: Float32Array) -> UInt8Array:
    """Return distances [H, W] as colours, red near and blue far, black where there is none."""
    share = np.clip(1.0 - distance_m / FARTHEST_M, 0.0, 1.0)
    colours = cv2.applyColorMap((255 * share).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
    return np.where(distance_m[..., None] > 0.0, colours, 0).astype(np.uint8)


def row_of(rig: SimulatedRig, t_ns: int) -> list[UInt8Array]:
    """Return a picture of each column."""
    width, height = rig.width, rig.height
    camera = Camera(width, height, rig.camera_matrix.tolist())
    sweep = project_lidar(rig.lidar(t_ns).points, camera, rig.camera_from_lidar, point_size=2)
    counts = bin_events(rig.events(t_ns - WINDOW_NS, t_ns).events, width, height)
    events = np.clip(np.moveaxis(counts, 0, -1) * 80.0, 0, 255).astype(np.uint8)
    depth = rig.depth(t_ns).depth * np.float32(0.001)
    return [
        rig.rgb(t_ns).image,
        near_red(depth),
        near_red(sweep.channels[0]),
        events,
        DELIVER.palette()[rig.labels(t_ns)],
    ]


def draw(seed: int, t_ns: int, side: int) -> UInt8Array:
    """Return the sheet: a row for each condition, a column for each sensor."""
    conditions = CONDITIONS + HELD_OUT_CONDITIONS
    shape = (HEAD_PX + len(conditions) * (side + GAP_PX), SIDE_PX + len(COLUMNS) * (side + GAP_PX))
    sheet = np.full((*shape, 3), 255, np.uint8)
    for column, name in enumerate(COLUMNS):
        _write(sheet, name, (SIDE_PX + column * (side + GAP_PX) + 4, HEAD_PX - 8))
    for row, condition in enumerate(conditions):
        top = HEAD_PX + row * (side + GAP_PX)
        _write(sheet, condition, (4, top + side // 2))
        rig = SimulatedRig(RigConfig(seed=seed, width=side, height=side, condition=condition))
        for column, picture in enumerate(row_of(rig, t_ns)):
            left = SIDE_PX + column * (side + GAP_PX)
            sheet[top : top + side, left : left + side] = picture
    return sheet


def _write(sheet: UInt8Array, text: str, place: tuple[int, int]) -> None:
    cv2.putText(sheet, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (30, 30, 30), 1, cv2.LINE_AA)


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=22, help="the street (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=4.0, help="instant (default: %(default)s)")
    parser.add_argument("--side", type=int, default=256, help="pixels (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, default=Path("docs/images/street_conditions.png"), metavar="FILE"
    )
    options = parser.parse_args()
    sheet = draw(options.seed, round(options.seconds * 1e9), options.side)
    if not cv2.imwrite(str(options.output), sheet[..., ::-1]):
        parser.error(f"{options.output} cannot be written")


if __name__ == "__main__":
    main()
