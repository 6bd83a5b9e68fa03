from functools import cache
from itertools import combinations

import numpy as np
import pytest
import torch

from anyseg_core.classes import ClassSet
from anyseg_core.models import build_model, save_checkpoint
from anyseg_core.normalisation import DEFAULT_NORMALISATION
from anyseg_core.runtime import load_segmenter
from anyseg_core.types import MODALITIES

# Without selection at the encoder's levels: normalised maps of an untrained encoder are equally
# near to their mean, and float32 itself then picks other ones than float64.
KINDS = {
    "any2seg": ("any2seg", MODALITIES, {}),
    "any2seg-every": (
        "any2seg",
        MODALITIES,
        {"fusion_level": "every", "iterations": 2, "selection": False},
    ),
    "any2seg-last": ("any2seg", MODALITIES, {"fusion_level": "last", "selection": False}),
    "charm": ("charm", MODALITIES[:2], {"window": 4}),
    "mean_fusion": ("mean_fusion", MODALITIES, {}),
    "segformer": ("segformer", MODALITIES[:1], {}),
}


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """A cache of the tests' own: the user's stays as it is."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def save(tmp_path_factory):
    """Save a model with spread-out scores, so that its labels are many and its winners clear."""

    def _save(name, modalities=MODALITIES, encoder="mit_b0", **options):
        torch.manual_seed(3)
        model = build_model(name, encoder, 5, modalities, **options).eval()
        torch.nn.init.normal_(model.head.classifier.weight, std=1.0)
        path = tmp_path_factory.mktemp("checkpoint") / "net.safetensors"
        save_checkpoint(
            model,
            path,
            classes=ClassSet(tuple("abcde"), ((0, 0, 0),) * 5),
            input_size=(64, 96),
            normalisation={each: DEFAULT_NORMALISATION[each] for each in modalities},
            training_data="none",
            recipe={},
            scores={},
            licence="Apache-2.0",
        )
        return path

    return _save


@pytest.fixture(scope="session")
def checkpoint_of(save):
    """The checkpoint of each of ``KINDS``, saved when first asked for."""

    @cache
    def _checkpoint(kind):
        name, modalities, options = KINDS[kind]
        return save(name, modalities, **options)

    return _checkpoint


@pytest.fixture(scope="session")
def checkpoint(checkpoint_of):
    return checkpoint_of("any2seg")


@pytest.fixture(scope="session")
def load(checkpoint_of):
    """One of ``KINDS`` in a runtime on the CPU, loaded when first asked for."""

    @cache
    def _load(kind, backend):
        return load_segmenter(checkpoint_of(kind), backend, "cpu")

    return _load


@pytest.fixture(scope="session")
def tensors():
    images = np.random.default_rng(1).standard_normal((4, 3, 64, 96), np.float32)
    return dict(zip(MODALITIES, images, strict=True))


@pytest.fixture(scope="session")
def all_subsets():
    """Every subset of some modalities."""

    def _subsets(modalities):
        counts = range(1, len(modalities) + 1)
        return [subset for count in counts for subset in combinations(modalities, count)]

    return _subsets
