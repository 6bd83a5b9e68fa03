from itertools import combinations

import numpy as np
import pytest
import torch

from anyseg_core.classes import ClassSet
from anyseg_core.models import build_model, save_checkpoint
from anyseg_core.normalisation import DEFAULT_NORMALISATION
from anyseg_core.types import MODALITIES

SUBSETS = [s for count in range(1, 5) for s in combinations(MODALITIES, count)]


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

    def _save(name, modalities=MODALITIES, **options):
        torch.manual_seed(3)
        model = build_model(name, "mit_b0", 5, modalities, **options).eval()
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
def checkpoint(save):
    return save("any2seg")


@pytest.fixture(scope="session")
def tensors():
    images = np.random.default_rng(1).standard_normal((4, 3, 64, 96), np.float32)
    return dict(zip(MODALITIES, images, strict=True))


@pytest.fixture(params=SUBSETS, ids="+".join)
def subset(request):
    return request.param
