"""Small data in memory, small checkpoints, and a predictor that errs on purpose."""

from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from anyseg_core.classes import ClassSet
from anyseg_core.data import Sample
from anyseg_core.evaluation import Plan, all_subsets, same_classes
from anyseg_core.normalisation import Normalisation
from anyseg_core.runtime import Prediction
from anyseg_core.types import MODALITIES

CLASSES = ClassSet(
    ("road", "car", "sky", "tree"), ((128, 64, 128), (0, 0, 142), (70, 130, 180), (9, 99, 9))
)
UNCHANGED = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


@dataclass
class MemoryDataset:
    """Samples held in memory; every channel holds the label, so that answers can be made of it."""

    samples: list
    modalities: tuple = MODALITIES
    name: str = "in memory"
    split: str = "test"
    classes: ClassSet = CLASSES
    normalisation: dict = field(default_factory=lambda: dict.fromkeys(MODALITIES, UNCHANGED))

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]

    def files(self, index):
        raise AssertionError(f"sample {index} has no files")


class ErringPredictor:
    """Reads the labels off the first modality given, and errs in ways that depend on the subset.

    Without LiDAR every second column is taken for class 1; without RGB the first row for class 0.
    """

    def __init__(self, input_size=(12, 16)):
        self.card = SimpleNamespace(
            input_size=input_size, normalisation=dict.fromkeys(MODALITIES, UNCHANGED),
            classes=CLASSES, spec=SimpleNamespace(modalities=MODALITIES),
        )  # fmt: skip
        self.description = "made to err"
        self.seen = []

    def predict(self, tensors, subsets):
        for subset in subsets:
            first = tensors[subset[0]]
            self.seen.append((subset, first.shape))
            labels = first[0].round().astype(np.uint8)
            confidence = np.full(labels.shape, 40 * len(subset) + 90, np.uint8)
            if "lidar" not in subset:
                labels[:, ::2] = 1
            if "rgb" not in subset:
                labels[0] = 0
            yield Prediction(labels, confidence, dict.fromkeys(subset, 1.0))


def make_samples(size=(12, 16)):
    rng = np.random.default_rng(5)
    samples = []
    cases = [("cloud", ""), ("cloud", "motionblur"), ("night", ""), ("night", "lidarjitter")]
    for number, (condition, failure) in enumerate([*cases, ("sun", "")]):
        labels = rng.integers(0, 3, size).astype(np.uint8)  # no tree anywhere
        picture = np.repeat(labels[None].astype(np.float32), 3, axis=0)
        labels[rng.random(size) < 0.1] = 255
        name = f"{condition}/test/{number:06d}"
        samples.append(Sample(name, dict.fromkeys(MODALITIES, picture), labels, condition, failure))
    return samples


@pytest.fixture
def memory():
    """Function that makes a data set in memory."""
    return lambda **changes: MemoryDataset(make_samples(), **changes)


@pytest.fixture
def erring():
    return ErringPredictor


@pytest.fixture
def plan(memory):
    """Function that plans all subsets of the data in memory."""

    def _plan(**changes):
        dataset = changes.pop("dataset", memory())
        usual = {
            "indices": tuple(range(len(dataset))),
            "subsets": all_subsets(dataset.modalities),
            "classes": same_classes(CLASSES, CLASSES),
        }
        return Plan(dataset, **{**usual, **changes})

    return _plan


@pytest.fixture(scope="session")
def save_network(save_network):
    """Function that saves a small network with random answers that differ from place to place."""
    return partial(save_network, classes=ClassSet(tuple("abcde"), ((0, 0, 0),) * 5), centred=True)


@pytest.fixture
def rows():
    """Function that takes a markdown table apart, into the cells of each line."""

    def _rows(table):
        lines = [line for line in table.splitlines() if line.startswith("|")]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]

    return _rows
