"""Faults of the simulator's library, brought onto images that are already in the camera's plane."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from anyseg_core.simulation.faults import images, points

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.types import Float32Array

Change = Callable[["Float32Array", float, np.random.Generator], "Float32Array"]
"""From [H, W, 3], a severity in 0..1 and chance to the degraded [H, W, 3]."""

LEAST_SEVERITY = 0.3
FIELD_OF_VIEW_RAD = 1.3
"""Assumed for an image of which only the pixels are known: enough to lose a sector or rings."""

_JITTER_RAD = np.radians(3.0)
_HOT_COUNT = 40.0


def degraded(
    modality: str, image: Float32Array, rng: np.random.Generator, *, physical: bool
) -> Float32Array:
    """Return one modality's image as a faulty sensor would have given it.

    Kind and severity are drawn; every kind is as likely. Modalities that the simulator does not
    know can be covered in part.

    Args:
        modality: its name.
        image: float32 [H, W, 3]; not changed.
        rng: the source of chance.
        physical: depth and LiDAR are in metres and events are counts; else all are pictures of
            0..1, as in DELIVER's own files.
    """
    changes = (PHYSICAL if physical else PICTURES).get(modality, UNKNOWN)
    change = changes[list(changes)[rng.integers(len(changes))]]
    return change(image, float(rng.uniform(LEAST_SEVERITY, 1.0)), rng)


def _of_bytes(change: Callable[..., NDArray[Any]]) -> Change:
    """Return a fault of 8-bit pictures as one of pictures of 0..1."""
    return partial(_through_bytes, change)


def _through_bytes(
    change: Callable[..., NDArray[Any]],
    image: Float32Array,
    severity: float,
    rng: np.random.Generator,
) -> Float32Array:
    stored = np.rint(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8)
    return np.asarray(change(stored, severity, rng) / np.float32(255.0), np.float32)


def _nothing(image: Float32Array, severity: float, rng: np.random.Generator) -> Float32Array:
    del severity, rng
    return images.black(image)


def _fog(image: NDArray[np.uint8], severity: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    del rng
    return images.fog(image, severity)


def _low_resolution(image: Float32Array, severity: float, rng: np.random.Generator) -> Float32Array:
    del rng
    pixels: Any = image  # it only picks pixels, whatever their type
    return np.asarray(images.low_resolution(pixels, severity))


def _lost_rows(image: Float32Array, severity: float, rng: np.random.Generator) -> Float32Array:
    del rng
    pixels: Any = image  # as above
    return np.asarray(images.truncated(pixels, severity))


def _event_noise(counts: Float32Array, severity: float, rng: np.random.Generator) -> Float32Array:
    """Add a storm: up to 4 events for each there is, and one for every second pixel."""
    out = counts.copy()
    mean = 0.5 * severity * (4.0 * float(counts.sum(axis=2).mean()) + 0.5)
    out[..., :2] += rng.poisson(mean, out[..., :2].shape)
    return out


def _hot_pixels(counts: Float32Array, severity: float, rng: np.random.Generator) -> Float32Array:
    """Let up to 2 % of the pixels fire about 40 times."""
    hot = images.hot_pixels(np.zeros(counts.shape[:2], np.uint8), severity, rng) > 0
    out = counts.copy()
    out[hot, :2] += rng.poisson(0.5 * _HOT_COUNT, (np.count_nonzero(hot), 2))
    return out


def _depth_noise(depth: Float32Array, severity: float, rng: np.random.Generator) -> Float32Array:
    return _repeated(images.depth_noise(depth[..., 0], severity, rng))


def _depth_fog(depth: Float32Array, severity: float, rng: np.random.Generator) -> Float32Array:
    return _repeated(images.depth_fog(depth[..., 0], severity, 1.0, rng))


def _repeated(plane: NDArray[Any]) -> Float32Array:
    return np.repeat(plane[..., None], 3, axis=2).astype(np.float32, copy=False)


def _of_points(change: Callable[..., Float32Array]) -> Change:
    """Return a fault of sweeps as one of LiDAR images: range, intensity, height."""
    return partial(_through_points, change)


def _through_points(
    change: Callable[..., Float32Array],
    image: Float32Array,
    severity: float,
    rng: np.random.Generator,
) -> Float32Array:
    """Put each measured pixel on its beam, change the points, and write them back.

    The faults move points along their beams or lose them, so the pixels stay.
    """
    height, width = image.shape[:2]
    rows, columns = np.nonzero(image[..., 0] > 0.0)
    azimuth = FIELD_OF_VIEW_RAD * (0.5 - (columns + 0.5) / width)
    elevation = FIELD_OF_VIEW_RAD * (0.5 - (rows + 0.5) / height)
    beams = np.stack(
        (np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth),
         np.sin(elevation)), axis=1,
    )  # fmt: skip
    before = image[rows, columns]
    sweep = np.concatenate((beams * before[:, :1], before[:, 1:2]), axis=1).astype(np.float32)
    after = change(sweep, severity, rng)
    kept = np.isfinite(after[:, :3]).all(axis=1)
    factor = np.linalg.norm(after[kept, :3], axis=1) / before[kept, 0]
    new = before[kept] * np.stack((factor, np.ones_like(factor), factor), axis=1)
    new[:, 1] = after[kept, 3]
    out = np.zeros_like(image)
    out[rows[kept], columns[kept]] = new
    return out


def _shaken(image: Float32Array, severity: float, rng: np.random.Generator) -> Float32Array:
    """Turn the sweep by up to 3 degrees (standard deviation) about each axis of the camera."""
    yaw, pitch, roll = _JITTER_RAD * severity * rng.standard_normal(3)
    height, width = image.shape[:2]
    focal = 0.5 * width / np.tan(0.5 * FIELD_OF_VIEW_RAD)
    matrix = cv2.getRotationMatrix2D(
        (0.5 * (width - 1), 0.5 * (height - 1)), float(np.degrees(roll)), 1.0
    )
    matrix[:, 2] += focal * yaw, focal * pitch
    return np.asarray(
        cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_NEAREST), np.float32
    )


_COVER: dict[str, Change] = {"black": _nothing, "blocked_region": images.blocked_region}
_COLOUR: dict[str, Change] = {
    **_COVER,
    "motion_blur": _of_bytes(images.motion_blur),
    "over_exposure": _of_bytes(images.over_exposure),
    "under_exposure": _of_bytes(images.under_exposure),
    "noise": _of_bytes(images.noise),
    "fog": _of_bytes(_fog),
    "hot_pixels": _of_bytes(images.hot_pixels),
}
_SWEEP: dict[str, Change] = {
    "lidar_jitter": _shaken,
    "lost_sector": _of_points(points.lost_sector),
    "lost_rings": _of_points(points.lost_rings),
}
_EVENT: dict[str, Change] = {
    **_COVER,
    "event_low_resolution": _low_resolution,
    "truncated_payload": _lost_rows,
}

UNKNOWN: dict[str, Change] = {"blocked_region": images.blocked_region}
PICTURES: dict[str, dict[str, Change]] = {
    "rgb": _COLOUR,
    "image": _COLOUR,
    "depth": _COVER,
    "lidar": _SWEEP,
    "event": _EVENT
    | {"noise": _of_bytes(images.noise), "hot_pixels": _of_bytes(images.hot_pixels)},
}
PHYSICAL: dict[str, dict[str, Change]] = {
    "rgb": _COLOUR,
    "image": _COLOUR,
    "depth": _COVER | {"noise": _depth_noise, "fog": _depth_fog},
    "lidar": _SWEEP | {"noise": _of_points(points.noise), "fog": _of_points(points.fog)},
    "event": _EVENT | {"noise": _event_noise, "hot_pixels": _hot_pixels},
}
"""By modality the kinds of faults, named as in ``anyseg_core.simulation.faults.KINDS``."""
