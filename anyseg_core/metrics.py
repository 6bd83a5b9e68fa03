"""Scores of a segmentation: confusion matrices, what is read off them, and calibration.

Everything is counted in integers, so that counts gathered in parts add up to the counts of the
whole, in any order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.kernels import array_in, array_out, kernel
from anyseg_core.types import IGNORE_LABEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.types import BoolArray, Float64Array, UInt8Array

LEVELS = 256
"""How many values a confidence of 8 bits has; the level 255 is the probability 1."""

CALIBRATION_BINS = 15
"""Equal bins of the confidence over 0..1, as in Guo et al., "On Calibration of Modern Neural
Networks", ICML 2017."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What a confusion matrix says, as fractions 0..1.

    A mean "with absent as 0" is over all K classes, and a class that neither the truth nor the
    prediction has counts 0, as in CMNeXt's code and both papers' averages; "present" leaves such
    classes out, as torchmetrics does.

    Attributes:
        iou: [K], intersection over union of each class; NaN for an absent class.
        f1_of_class: [K], F1 of each class; NaN for an absent class.
        recall: [K], share of each class's pixels that was found; NaN where the truth has none.
        miou: mean IoU with absent as 0.
        miou_present: mean IoU of the present classes; NaN where nothing was counted.
        f1: mean F1 with absent as 0.
        f1_present: mean F1 of the present classes; NaN where nothing was counted.
        accuracy: share of all labelled pixels that are right; NaN where nothing was counted.
        mean_accuracy: mean recall with absent as 0, the papers' "Acc".
        pixels: labelled pixels counted.
    """

    iou: Float64Array
    f1_of_class: Float64Array
    recall: Float64Array
    miou: float
    miou_present: float
    f1: float
    f1_present: float
    accuracy: float
    mean_accuracy: float
    pixels: int


class ConfusionMatrix:
    """Counts pixels by true and predicted class.

    Args:
        num_classes: K.
        counts: int64 [K, K + 1] to start from; zeros by default.

    Attributes:
        counts: int64 [K, K + 1]: rows are the truth, columns the prediction, the last column a
            prediction of none of the K classes.
    """

    __slots__ = ("counts",)

    def __init__(self, num_classes: int, counts: NDArray[np.int64] | None = None) -> None:
        shape = (num_classes, num_classes + 1)
        if not 1 <= num_classes <= IGNORE_LABEL:
            raise ConfigurationError(f"{num_classes} classes", "1 to 255", "correct the number")
        if counts is not None and counts.shape != shape:
            raise ConfigurationError(f"counts of shape {counts.shape}", f"{shape}", "correct them")
        self.counts = np.zeros(shape, np.int64) if counts is None else counts

    @property
    def num_classes(self) -> int:
        """K."""
        return int(self.counts.shape[0])

    def update(self, truth: UInt8Array, predicted: UInt8Array) -> None:
        """Count an image's pixels; those whose truth is 255 are left out.

        Args:
            truth: uint8 of any shape, class ids or 255.
            predicted: uint8 of the same shape, class ids, or 255 for none of the classes.

        Raises:
            RecordError: shapes that differ, or a label that is neither a class nor 255.
        """
        if truth.shape != predicted.shape:
            raise RecordError(
                f"truth {truth.shape} and prediction {predicted.shape}", "one shape", "resize one"
            )
        counted = np.zeros_like(self.counts)
        highest = _count_pixels(truth.ravel(), predicted.ravel(), counted)
        for name, label in zip(("truth", "prediction"), highest, strict=True):
            if label >= self.num_classes:
                raise RecordError(
                    f"label {label} in the {name}",
                    f"0 to {self.num_classes - 1}, or {IGNORE_LABEL}",
                    "use labels of the same classes",
                )
        self.counts += counted

    def __iadd__(self, other: ConfusionMatrix) -> Self:
        self.counts += other.counts
        return self

    def scores(self) -> Scores:
        """Return what the counts say."""
        hit = np.diagonal(self.counts).astype(np.float64)
        true = self.counts.sum(1).astype(np.float64)
        predicted = self.counts[:, :-1].sum(0).astype(np.float64)
        iou = _ratio(hit, true + predicted - hit)
        f1 = _ratio(2.0 * hit, true + predicted)
        recall = _ratio(hit, true)
        pixels = int(true.sum())
        return Scores(
            iou=iou,
            f1_of_class=f1,
            recall=recall,
            miou=_mean_absent_zero(iou),
            miou_present=_mean_present(iou),
            f1=_mean_absent_zero(f1),
            f1_present=_mean_present(f1),
            accuracy=float(hit.sum() / pixels) if pixels else float("nan"),
            mean_accuracy=_mean_absent_zero(recall),
            pixels=pixels,
        )


@dataclass(frozen=True, slots=True)
class Reliability:
    """How well a confidence tells the share of right answers, bin by bin.

    Attributes:
        edges: [B + 1], the bins' bounds, 0..1; a bin holds its lower bound, the last one both.
        pixels: int64 [B], how many fell into each bin.
        confidence: [B], their mean confidence, 0..1; NaN for an empty bin.
        accuracy: [B], the share of them that is right, 0..1; NaN for an empty bin.
        error: the expected calibration error, 0..1: the mean of |accuracy - confidence| over the
            bins, weighted by their pixels (Guo et al., ICML 2017, Eq. 3); NaN without pixels.
    """

    edges: Float64Array
    pixels: NDArray[np.int64]
    confidence: Float64Array
    accuracy: Float64Array
    error: float


class Calibration:
    """Counts right and wrong pixels at each of the 256 levels of an 8-bit confidence.

    Attributes:
        counts: int64 [256, 2]: wrong and right pixels at each level.
    """

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts: NDArray[np.int64] = np.zeros((LEVELS, 2), np.int64)

    def update(self, confidence: UInt8Array, correct: BoolArray, valid: BoolArray) -> None:
        """Count an image's pixels.

        Args:
            confidence: uint8, probability times 255.
            correct: of the same shape, whether the label is right.
            valid: of the same shape, which pixels to count.
        """
        places = confidence[valid].astype(np.int64) * 2 + correct[valid]
        self.counts += np.bincount(places, minlength=2 * LEVELS).reshape(LEVELS, 2)

    def __iadd__(self, other: Calibration) -> Self:
        self.counts += other.counts
        return self

    def reliability(self, bins: int = CALIBRATION_BINS) -> Reliability:
        """Return the reliability diagram's values; a confidence of 8 bits rounds by up to 1/510."""
        levels = np.arange(LEVELS)
        owner = np.minimum(levels * bins // (LEVELS - 1), bins - 1)  # in integers: exact at bounds
        pixels = np.bincount(owner, self.counts.sum(1), bins)
        confidence = _ratio(np.bincount(owner, self.counts.sum(1) * levels, bins) / 255.0, pixels)
        accuracy = _ratio(np.bincount(owner, self.counts[:, 1], bins), pixels)
        gaps = np.abs(np.nan_to_num(accuracy) - np.nan_to_num(confidence))
        total = float(pixels.sum())
        return Reliability(
            edges=np.linspace(0.0, 1.0, bins + 1),
            pixels=pixels.astype(np.int64),
            confidence=confidence,
            accuracy=accuracy,
            error=float((gaps * pixels).sum() / total) if total else float("nan"),
        )


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> Float64Array:
    ratio = np.full(part.shape, np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio


def _mean_absent_zero(values: Float64Array) -> float:
    return float(np.nan_to_num(values).mean())


def _mean_present(values: Float64Array) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if present.size else float("nan")


@kernel((array_in("uint8", 1), array_in("uint8", 1), array_out("int64", 2)))
def _count_pixels(
    truth: UInt8Array, predicted: UInt8Array, counts: NDArray[np.int64]
) -> tuple[int, int]:
    """Add to the counts, and return the highest labels, those of 255 and beside them left out."""
    classes = len(counts)
    highest_true = highest_predicted = -1
    for i in range(len(truth)):
        row, column = int(truth[i]), int(predicted[i])
        if row == IGNORE_LABEL:
            continue
        highest_true = max(highest_true, row)
        if column == IGNORE_LABEL:
            column = classes
        else:
            highest_predicted = max(highest_predicted, column)
        if row < classes and column <= classes:
            counts[row, column] += 1
    return highest_true, highest_predicted
