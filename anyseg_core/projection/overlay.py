"""A picture in which a person sees at a glance whether the calibration is right."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

from anyseg_core.errors import RecordError

if TYPE_CHECKING:
    from anyseg_core.projection.lidar import LidarImage
    from anyseg_core.types import Float32Array, UInt8Array

NEAREST_M, FARTHEST_M = 2.0, 80.0
POSITIVE_RGB, NEGATIVE_RGB = (255, 255, 255), (255, 0, 255)
_DARKER = 0.6  # the photograph steps back behind what is drawn over it


def range_colours(range_m: Float32Array) -> UInt8Array:
    """Return RGB [..., 3] for ranges in metres: red at 2 m and nearer to blue at 80 m and farther.

    Colours follow the logarithm of the range, so that near things differ as visibly as far ones:
    the map is Turbo (Mikhailov, "Turbo, An Improved Rainbow Colormap", 2019), turned round.
    """
    nearness = np.log(FARTHEST_M / np.clip(range_m, NEAREST_M, FARTHEST_M))
    steps = np.round(255 * nearness / np.log(FARTHEST_M / NEAREST_M)).astype(np.uint8)
    colours = cv2.applyColorMap(steps.reshape(-1, 1), cv2.COLORMAP_TURBO)
    return cast("UInt8Array", colours[:, 0, ::-1].reshape(*range_m.shape, 3))


def draw_overlay(
    image: UInt8Array, sweep: LidarImage, event_counts: Float32Array | None = None
) -> UInt8Array:
    """Draw events, and over them the LiDAR coloured by range, over the camera's image.

    Args:
        image: uint8 [H, W, 3], RGB.
        sweep: the LiDAR in the camera's plane, of the same size.
        event_counts: float32 [3, H, W] as `bin_events` gives it: pixels with more positive events
            become white, those with more negative ones magenta; None without events.

    Returns:
        uint8 [H, W, 3], RGB.

    Raises:
        RecordError: the sizes differ.
    """
    size = image.shape[:2]
    sizes = {size, sweep.valid.shape} | ({event_counts.shape[1:]} if event_counts is not None else
                                         set())  # fmt: skip
    if len(sizes) != 1 or image.shape[2:] != (3,):
        raise RecordError(
            f"an image {image.shape} and drawings of {sorted(sizes)}",
            "an RGB image of the calibrated camera's size",
            "use the calibration of this very camera and resolution",
        )
    picture = (image * _DARKER).astype(np.uint8)
    if event_counts is not None:
        positive, negative = event_counts[0], event_counts[1]
        picture[(positive >= negative) & (positive > 0)] = POSITIVE_RGB
        picture[negative > positive] = NEGATIVE_RGB
    picture[sweep.valid] = range_colours(sweep.channels[0][sweep.valid])
    return picture
