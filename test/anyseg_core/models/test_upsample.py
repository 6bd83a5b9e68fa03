import pytest
import torch
from torch.nn import functional

from anyseg_core.models.upsample import add_upsampled, upsample


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


@pytest.mark.parametrize("small", [(5, 7), (3, 70)])  # by matrices, and beyond their size
@pytest.mark.parametrize("count", [1, 2])
def test_a_map_is_upsampled_into_another_in_place(small: tuple[int, int], count: int) -> None:
    torch.manual_seed(0)
    coarse = torch.randn(count, *small, 4)
    total = torch.randn(count, 18, 141, 4)
    wanted = total + bilinear(coarse.permute(0, 3, 1, 2), (18, 141)).permute(0, 2, 3, 1)
    with torch.no_grad():
        add_upsampled(total, coarse)
    torch.testing.assert_close(total, wanted, rtol=1e-5, atol=1e-5)
