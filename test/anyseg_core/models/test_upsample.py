import pytest
import torch
from torch.nn import functional

from anyseg_core.models.upsample import upsample


def bilinear(feature_map: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    return functional.interpolate(feature_map, size=size, mode="bilinear", align_corners=False)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(12, 20), (7, 13), (5, 3), (1, 1)])
def test_value_and_gradient_are_those_of_interpolate(
    memory: torch.memory_format, size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    ours = torch.randn(2, 6, 5, 7).contiguous(memory_format=memory).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    gradient = torch.randn(2, 6, *size).contiguous(memory_format=memory)
    large = upsample(ours, size)
    large.backward(gradient)
    expected = bilinear(theirs, size)
    expected.backward(gradient)
    torch.testing.assert_close(large, expected, rtol=0, atol=0)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-5)


def test_an_input_without_gradient_gives_an_output_without() -> None:
    assert not upsample(torch.zeros(1, 2, 3, 3), (6, 6)).requires_grad
