from __future__ import annotations

import pytest
import torch

from anyseg_core.models import build_model


@pytest.fixture(autouse=True)
def _one_thread():
    """Tiny tensors run fastest on one thread, and other tests share the machine."""
    torch.set_num_threads(1)


@pytest.fixture
def make_images():
    """Random images per modality, the same for the same seed whatever subset is asked for."""

    def make(modalities, batch=1, size=(64, 64), seed=0):
        images = {}
        for name in modalities:
            generator = torch.Generator().manual_seed(seed + sum(map(ord, name)))
            images[name] = torch.randn(batch, 3, *size, generator=generator)
        return images

    return make


@pytest.fixture
def make_model():
    """A small model with 5 classes and seeded weights, in evaluation mode."""

    def make(name="any2seg", num_classes=5, seed=0, **arguments):
        torch.manual_seed(seed)
        if name == "segformer":
            arguments.setdefault("modalities", ("rgb",))
        return build_model(name, "mit_b0", num_classes, **arguments).eval()

    return make
