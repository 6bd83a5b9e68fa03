"""Pictures for the report: inputs, truth and answers of a few telling samples."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from anyseg_core.evaluation.sizes import resize_channels, resize_labels
from anyseg_core.evaluation.subsets import subset_name
from anyseg_core.types import IGNORE_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from anyseg_core.classes import ClassSet
    from anyseg_core.evaluation.scoring import Plan, SampleScore, Scorer
    from anyseg_core.types import Float32Array, UInt8Array

LONGEST_SIDE = 384
"""Pixels of a picture's longer side in the report; larger ones are shrunk."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture with its caption; ``data`` is a data URI, so that the report is one file."""

    caption: str
    data: str
    iou: float | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One sample of the report.

    Attributes:
        title: why it is shown.
        name: of the sample.
        inputs: each modality, and the truth.
        answers: the network's answer for each subset, with its IoU in percent.
        legend: name and colour of each class that the truth or an answer has.
    """

    title: str
    name: str
    inputs: tuple[Picture, ...]
    answers: tuple[Picture, ...]
    legend: tuple[tuple[str, tuple[int, int, int]], ...]


def telling_samples(samples: Sequence[SampleScore]) -> dict[str, SampleScore]:
    """Return the best, the median and the worst sample by the full set's IoU, each only once."""
    ranked = sorted(
        (one for one in samples if not np.isnan(one.iou[-1])), key=lambda one: -one.iou[-1]
    )
    if not ranked:
        return {}
    places = {"best": 0, "worst": len(ranked) - 1, "median": len(ranked) // 2}
    chosen: dict[str, SampleScore] = {}
    for title, place in places.items():
        if ranked[place] not in chosen.values():
            chosen[title] = ranked[place]
    return {title: chosen[title] for title in ("best", "median", "worst") if title in chosen}


def draw_case(title: str, one: SampleScore, plan: Plan, scorer: Scorer) -> Case:
    """Segment a sample once more and draw it."""
    sample = plan.dataset[one.index]
    answers = list(scorer.answers(sample))
    every = plan.subsets[-1]
    classes = plan.classes.classes
    inputs = [Picture(name, _png(draw_channels(name, sample.channels[name]))) for name in every]
    truth = Picture("truth", _png_labels(answers[0].truth, classes))
    drawn = [
        Picture(subset_name(subset, every), _png_labels(answer.labels, classes), 100.0 * iou)
        for subset, answer, iou in zip(plan.subsets, answers, one.iou, strict=True)
    ]
    shown = (answers[0].truth, *(answer.labels for answer in answers))
    return Case(title, sample.name, (*inputs, truth), tuple(drawn), tuple(_legend(classes, shown)))


def draw_channels(modality: str, channels: Float32Array) -> UInt8Array:
    """Return uint8 [H, W, 3] that shows a modality's float32 [3, H, W].

    Colours as they are; events red where it grew brighter and blue where darker; of all else the
    first channel, near (or little) red and far (or much) blue, black where there is nothing.
    """
    small = resize_channels(modality, channels, _picture_size(channels.shape[1], channels.shape[2]))
    if modality == "rgb":
        return np.round(np.clip(small, 0.0, 1.0) * 255.0).astype(np.uint8).transpose(1, 2, 0)
    if modality == "event":
        positive, negative = (np.clip(counts / 2.0, 0.0, 1.0) for counts in small[:2])
        both = np.stack([positive, np.zeros_like(positive), negative], axis=2)
        return np.round(both * 255.0).astype(np.uint8)
    first = np.nan_to_num(small[0])
    measured = first != 0.0
    if not measured.any():
        return np.zeros((*first.shape, 3), np.uint8)
    low, high = np.percentile(first[measured], (2.0, 98.0))
    share = np.clip((high - first) / max(high - low, 1e-6), 0.0, 1.0)
    coloured = cv2.applyColorMap(np.round(share * 255.0).astype(np.uint8), cv2.COLORMAP_TURBO)
    picture: UInt8Array = np.where(measured[:, :, None], coloured[:, :, ::-1], 0).astype(np.uint8)
    return picture


def _legend(
    classes: ClassSet, shown: Sequence[UInt8Array]
) -> Iterable[tuple[str, tuple[int, int, int]]]:
    present = set().union(*(np.unique(labels).tolist() for labels in shown))
    for i, name in enumerate(classes.names):
        if i in present:
            yield name, classes.colours[i]
    if IGNORE_LABEL in present:
        yield "not scored", (0, 0, 0)


def _picture_size(height: int, width: int) -> tuple[int, int]:
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _png_labels(labels: UInt8Array, classes: ClassSet) -> str:
    small = resize_labels(labels, _picture_size(labels.shape[0], labels.shape[1]))
    image = Image.fromarray(small).convert("P")
    image.putpalette(classes.palette().tobytes())
    return _uri(image)


def _png(picture: UInt8Array) -> str:
    return _uri(Image.fromarray(picture))


def _uri(image: Image.Image) -> str:
    content = io.BytesIO()
    image.save(content, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode("ascii")
