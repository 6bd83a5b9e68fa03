from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread():
    """Tiny tensors run fastest on one thread, and other tests share the machine."""
    torch.set_num_threads(1)
