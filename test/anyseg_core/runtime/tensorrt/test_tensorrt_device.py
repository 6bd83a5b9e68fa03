"""What is asked of a device before anything runs on it."""

import pytest

from anyseg_core.errors import ConfigurationError
from anyseg_core.runtime.tensorrt_device import CudaDevice


@pytest.mark.parametrize("device", ["cpu", "cuda:99", "nonsense"])
def test_a_device_that_is_no_gpu_is_refused(device):
    with pytest.raises(ConfigurationError, match="cuda:N with a GPU that PyTorch sees"):
        CudaDevice(device)
