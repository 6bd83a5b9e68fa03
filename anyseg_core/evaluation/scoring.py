"""Scoring one sample on every subset of modalities."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from anyseg_core.data import normalised
from anyseg_core.evaluation.sizes import network_size, resize_channels, resize_labels
from anyseg_core.evaluation.tally import Cell, Tally
from anyseg_core.metrics import Calibration, ConfusionMatrix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyseg_core.data import Sample, SegmentationDataset
    from anyseg_core.evaluation.class_map import ClassMap
    from anyseg_core.evaluation.predictors import Predictor
    from anyseg_core.evaluation.sizes import Size
    from anyseg_core.evaluation.subsets import Subset
    from anyseg_core.types import BoolArray, UInt8Array


@dataclass(frozen=True, slots=True)
class Plan:
    """What to evaluate; picklable, so that worker processes can share it.

    Attributes:
        dataset: one split.
        indices: which of its samples.
        subsets: which subsets of its modalities; the last one is the full set.
        classes: what the labels and the answers count as.
        size: height and width at which the network sees an image, or ``trained`` for the size of
            its training (see ``network_size``), or ``native`` for the image's own.
        score_at: ``labels`` to bring the answer to the labels' size, or ``network`` to bring the
            labels to the network's, as CMNeXt's code does.
    """

    dataset: SegmentationDataset
    indices: tuple[int, ...]
    subsets: tuple[Subset, ...]
    classes: ClassMap
    size: Size | Literal["trained", "native"] = "trained"
    score_at: Literal["labels", "network"] = "labels"


@dataclass(frozen=True, slots=True)
class SampleScore:
    """One sample's place, name and IoU.

    Attributes:
        index: in the data set.
        name: of the sample.
        iou: for each subset of the plan, the mean over the classes present, 0..1; NaN where
            nothing is labelled.
    """

    index: int
    name: str
    iou: tuple[float, ...]


class Answer(NamedTuple):
    """A network's answer beside the truth, both of one size and in the scored classes.

    Attributes:
        truth: uint8 [H, W]; 255 is left out.
        labels: uint8 [H, W]; 255 is none of the scored classes.
        confidence: uint8 [H, W], probability times 255.
    """

    truth: UInt8Array
    labels: UInt8Array
    confidence: UInt8Array


class Scorer:
    """Scores the samples of a plan with one network.

    Args:
        plan: what to evaluate.
        predictor: the network.
    """

    def __init__(self, plan: Plan, predictor: Predictor) -> None:
        self._plan = plan
        self._predictor = predictor

    def answers(self, sample: Sample) -> Iterator[Answer]:
        """Segment one sample from each of the plan's subsets."""
        plan = self._plan
        size = self._network_size(sample)
        wanted = {
            name: resize_channels(name, sample.channels[name], size) for name in plan.subsets[-1]
        }
        tensors = normalised(replace(sample, channels=wanted), self._predictor.card.normalisation)
        truth = plan.classes.truth[sample.labels]
        if plan.score_at == "network":
            truth = resize_labels(truth, size)
        shape = (truth.shape[0], truth.shape[1])
        for prediction in self._predictor.predict(tensors, plan.subsets):
            labels = plan.classes.predicted[resize_labels(prediction.labels, shape)]
            yield Answer(truth, labels, resize_labels(prediction.confidence, shape))

    def score(self, index: int, tally: Tally) -> SampleScore:
        """Score one sample and add what was counted to ``tally``."""
        sample = self._plan.dataset[index]
        ious = []
        for subset, answer in zip(self._plan.subsets, self.answers(sample), strict=True):
            matrix, calibration = ConfusionMatrix(tally.num_classes), Calibration()
            matrix.update(answer.truth, answer.labels)
            correct: BoolArray = answer.labels == answer.truth
            calibration.update(answer.confidence, correct, answer.truth < tally.num_classes)
            tally.add(Cell(subset, sample.condition, sample.failure), matrix, calibration)
            ious.append(matrix.scores().miou_present)
        return SampleScore(index, sample.name, tuple(ious))

    def _network_size(self, sample: Sample) -> Size:
        height, width = sample.labels.shape
        if self._plan.size == "trained":
            return network_size((height, width), self._predictor.card.input_size)
        return (height, width) if self._plan.size == "native" else self._plan.size
