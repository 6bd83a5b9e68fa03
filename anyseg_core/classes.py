"""Class sets: names, colours and order of the labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anyseg_core.types import IGNORE_LABEL, UInt8Array


@dataclass(frozen=True, slots=True)
class ClassSet:
    """An ordered set of classes; a class's id is its place in the order.

    Attributes:
        names: K names.
        colours: K RGB triples, 0..255.
    """

    names: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]

    def __len__(self) -> int:
        return len(self.names)

    def palette(self) -> UInt8Array:
        """Return uint8 [256, 3]: the colour of every label; labels without a class are black."""
        palette = np.zeros((IGNORE_LABEL + 1, 3), np.uint8)
        palette[: len(self.colours)] = self.colours
        return palette


DELIVER = ClassSet(
    names=(
        "Building", "Fence", "Other", "Pedestrian", "Pole", "RoadLine", "Road", "SideWalk",
        "Vegetation", "Cars", "Wall", "TrafficSign", "Sky", "Ground", "Bridge", "RailTrack",
        "GroundRail", "TrafficLight", "Static", "Dynamic", "Water", "Terrain", "TwoWheeler",
        "Bus", "Truck",
    ),
    colours=(
        (70, 70, 70), (100, 40, 40), (55, 90, 80), (220, 20, 60), (153, 153, 153),
        (157, 234, 50), (128, 64, 128), (244, 35, 232), (107, 142, 35), (0, 0, 142),
        (102, 102, 156), (220, 220, 0), (70, 130, 180), (81, 0, 81), (150, 100, 100),
        (230, 150, 140), (180, 165, 180), (250, 170, 30), (110, 190, 160), (170, 120, 50),
        (45, 60, 150), (145, 170, 100), (0, 0, 230), (0, 60, 100), (0, 0, 70),
    ),
)  # fmt: skip
"""The 25 classes of DELIVER (Zhang et al., CVPR 2023), in its order and colours."""
