from __future__ import annotations

import torch
from torch.nn import functional

from anyseg_core.models.head import SegFormerHead


def textbook(head, scales):
    """SegFormer's head as its paper writes it: project, upsample, concatenate, fuse."""
    size = scales[0].shape[2:]
    columns = []
    for linear, scale in zip(head.project, scales, strict=True):
        tokens = linear(scale.flatten(2).transpose(1, 2))
        grid = tokens.transpose(1, 2).reshape(len(scale), -1, *scale.shape[2:])
        columns.append(functional.interpolate(grid, size=size, mode="bilinear"))
    return torch.relu(head.norm(head.fuse(torch.cat(columns, 1))))


def test_fusing_before_upsampling_equals_the_textbook_order():
    torch.manual_seed(0)
    head = SegFormerHead((4, 6, 8, 10), 3, width=16).double()
    for buffer in (head.norm.running_mean, head.norm.weight.data):
        buffer.normal_()
    sizes = ((17, 13), (9, 7), (5, 4), (3, 2))
    scales = tuple(
        torch.randn(2, count, *size, dtype=torch.float64)
        for count, size in zip((4, 6, 8, 10), sizes, strict=True)
    )
    for mode in (True, False):
        head.train(mode)
        torch.testing.assert_close(head.fuse_scales(scales), textbook(head, scales))


def test_inference_gives_the_textbooks_map_and_leaves_the_scales():
    torch.manual_seed(0)
    head = SegFormerHead((4, 6, 8, 10), 3, width=16).eval()
    for buffer in (head.norm.running_mean, head.norm.weight.data, head.norm.bias.data):
        buffer.normal_()
    sizes = ((33, 26), (17, 13), (9, 7), (5, 4))
    scales = tuple(
        torch.randn(2, count, *size) for count, size in zip((4, 6, 8, 10), sizes, strict=True)
    )
    before = [scale.clone() for scale in scales]
    with torch.no_grad():
        torch.testing.assert_close(
            head.fuse_scales(scales), textbook(head, scales), rtol=1e-4, atol=1e-5
        )
    assert all(map(torch.equal, scales, before))


def test_its_gradients_are_the_textbooks():
    torch.manual_seed(0)
    head = SegFormerHead((4, 6, 8, 10), 3, width=8).double()
    scales = tuple(
        torch.randn(2, count, side, side, dtype=torch.float64)
        for count, side in zip((4, 6, 8, 10), (8, 4, 2, 1), strict=True)
    )
    grads = []
    for fuse in (head.fuse_scales, lambda maps: textbook(head, maps)):
        head.zero_grad()
        fuse(scales).square().sum().backward()
        grads.append([p.grad.clone() for p in head.project.parameters()] + [head.fuse.weight.grad])
    for ours, wanted in zip(*grads, strict=True):
        torch.testing.assert_close(ours, wanted)


def test_with_b2_and_25_classes_it_has_532249_parameters():
    head = SegFormerHead((64, 128, 320, 512), 25)
    assert sum(parameter.numel() for parameter in head.parameters()) == 532_249
