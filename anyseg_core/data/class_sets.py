"""Classes of MCubeS and of Cityscapes, which MUSES uses."""

from __future__ import annotations

from anyseg_core.classes import ClassSet

MCUBES = ClassSet(
    names=(
        "asphalt", "concrete", "metal", "road_marking", "fabric", "glass", "plaster", "plastic",
        "rubber", "sand", "gravel", "ceramic", "cobblestone", "brick", "grass", "wood", "leaf",
        "water", "human", "sky",
    ),
    colours=(
        (68, 68, 68), (170, 170, 165), (90, 110, 150), (245, 245, 235), (160, 60, 130),
        (120, 215, 225), (220, 200, 170), (235, 120, 40), (35, 30, 45), (235, 215, 120),
        (150, 130, 110), (205, 120, 110), (110, 85, 75), (165, 50, 35), (125, 200, 70),
        (130, 85, 35), (35, 120, 45), (30, 80, 190), (230, 30, 70), (110, 170, 235),
    ),
)  # fmt: skip
"""The 20 materials of MCubeS (Liang et al., CVPR 2022) in its order; the colours are our own."""

CITYSCAPES = ClassSet(
    names=(
        "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign",
        "vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "train",
        "motorcycle", "bicycle",
    ),
    colours=(
        (128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153),
        (153, 153, 153), (250, 170, 30), (220, 220, 0), (107, 142, 35), (152, 251, 152),
        (70, 130, 180), (220, 20, 60), (255, 0, 0), (0, 0, 142), (0, 0, 70), (0, 60, 100),
        (0, 80, 100), (0, 0, 230), (119, 11, 32),
    ),
)  # fmt: skip
"""The 19 training classes of Cityscapes (Cordts et al., CVPR 2016), in its order and colours."""
