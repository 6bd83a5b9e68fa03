"""torch.compile with its own C++ code: half a minute, so for one model."""

import shutil

import pytest
import torch

from anyseg_core.models import build_model


@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
def test_inductors_code_gives_the_eager_models_logits():
    torch.manual_seed(0)
    model = build_model("any2seg", encoder="mit_b0", num_classes=5).eval()
    images = {name: torch.randn(1, 3, 64, 64) for name in ("rgb", "lidar")}
    try:
        with torch.no_grad():
            found = torch.compile(model)(images)
            wanted = model(images)
    finally:
        torch.compiler.reset()
    torch.testing.assert_close(found.logits, wanted.logits, rtol=1e-4, atol=1e-4)
    assert found.weights.keys() == wanted.weights.keys()
