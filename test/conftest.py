"""What tests of several parts of the project share."""

import os

# Tests share the machine with the processes that they start. On images as small as theirs a second
# thread brings nothing, and where the cores are busy it is waited for at every step.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

from anyseg_core.classes import DELIVER
from anyseg_core.models import build_model, save_checkpoint
from anyseg_core.normalisation import DEFAULT_NORMALISATION
from anyseg_core.types import MODALITIES


@pytest.fixture(scope="session")
def save_network(tmp_path_factory):
    """Function that saves a small network with clear winners, so that its labels are many.

    ``centred``: scores without the part that all places share, or one class would win everywhere.
    """

    def _save(name, modalities=MODALITIES, *, classes=DELIVER, size=(64, 64), centred=False, **how):
        torch.manual_seed(3)
        model = build_model(name, "mit_b0", len(classes), modalities, **how).eval()
        weight = model.head.classifier.weight
        torch.nn.init.normal_(weight, std=1.0)
        if centred:
            weight.data -= weight.data.mean(1, keepdim=True)
        path = tmp_path_factory.mktemp("checkpoint") / "net.safetensors"
        save_checkpoint(
            model,
            path,
            classes=classes,
            input_size=size,
            normalisation={each: DEFAULT_NORMALISATION[each] for each in modalities},
            training_data="none",
            recipe={"seed": 3},
            scores={"val_miou_full": 0.25},
            licence="Apache-2.0",
        )
        return path

    return _save
