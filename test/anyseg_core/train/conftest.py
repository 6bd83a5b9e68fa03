"""A world small enough to train on in a test: four sensors, 32 x 48 pixels, four classes."""

import cv2
import numpy as np
import pytest
import torch
import yaml

from anyseg_core.data import open_dataset
from anyseg_core.train.parsing import parse_dataclass
from anyseg_core.train.recipe import Recipe

CLASSES = [{"name": name, "colour": [i, i, i]} for i, name in enumerate("abcd")]
DESCRIPTION = {
    "format": 1,
    "layout": "deliver",
    "name": "little street",
    "synthetic": True,
    "classes": CLASSES,
    "encodings": {
        "rgb": {"scale": 1 / 255},
        "depth": {"scale": 0.001},
        "lidar": {"scale": 0.002, "zero_is_invalid": True},
        "event": {"scale": 1},
    },
    "normalisation": {name: {"mean": 0.5, "std": 0.3} for name in ("rgb", "depth")}
    | {name: {"mean": 0.0, "std": 1.0} for name in ("event", "lidar")},
}
RECIPE = {
    "model": {
        "name": "mean_fusion",
        "encoder": "mit_b0",
        "options": {"head_width": 8, "drop_path": 0.1, "dropout": 0.1},
    },
    "data": {"modalities": ["rgb", "depth"], "workers": 0},
    "batch": {"size": 2},
    "augmentation": {"crop": [32, 32], "scale": [0.9, 1.5]},
    "schedule": {"steps": 12, "warmup": 2},
    "optimiser": {"lr": 1e-3},
    "subsets": {"full": 0.5},
    "evaluation": {"every": 5, "singles_every": 2},
    "seed": 3,
}


def _write(root, split, number, rng):
    labels = np.kron(rng.integers(0, 4, (4, 6)), np.ones((8, 8))).astype(np.uint8)
    shown = (60 * labels[..., None] + rng.integers(0, 20, (32, 48, 3))).astype(np.uint8)
    stored = np.zeros((32, 48, 4), np.uint8)
    stored[..., 2] = labels + 1  # OpenCV writes BGR: the red channel is the third
    images = {
        "img/{}_rgb": shown,
        "depth/{}_depth": (250 * labels).astype(np.uint16),
        "lidar/{}_lidar": (shown.astype(np.uint16) + 1),
        "event/{}_event": labels[..., None].repeat(3, 2),
        "semantic/{}_semantic": stored,
    }
    for pattern, image in images.items():
        folder, tag = pattern.split("/{}_")
        path = root / folder / "sun" / split / "MAP_1_point1" / f"{number:06d}_{tag}_front.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), image)


@pytest.fixture(scope="session")
def little_street(tmp_path_factory):
    """The folder of a data set with 7 training and 3 validation samples."""
    root = tmp_path_factory.mktemp("street")
    rng = np.random.default_rng(0)
    for split, count in (("train", 7), ("val", 3)):
        for number in range(count):
            _write(root, split, number, rng)
    (root / "dataset.yaml").write_text(yaml.safe_dump(DESCRIPTION))
    return root


@pytest.fixture
def splits(little_street):
    """Function that opens both splits with some modalities."""

    def opened(*modalities):
        return tuple(
            open_dataset(little_street, split, "auto", modalities) for split in ("train", "val")
        )

    return opened


@pytest.fixture
def plain():
    """The plain values of a small recipe, with keys replaced by their path (``a.b``)."""

    def made(**changes):
        content = yaml.safe_load(yaml.safe_dump(RECIPE))
        for path, value in changes.items():
            *parents, last = path.split("__")
            place = content
            for name in parents:
                place = place.setdefault(name, {})
            place[last] = value
        return content

    return made


@pytest.fixture
def one_thread():
    """Torch on one thread, as the subprocesses that are compared run."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    torch.use_deterministic_algorithms(mode=False)


@pytest.fixture
def recipe_of(plain):
    """Function that makes a small recipe, with keys replaced by their path (``a__b``)."""
    return lambda **changes: parse_dataclass(Recipe, plain(**changes))
