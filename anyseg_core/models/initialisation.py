"""Initial weights, drawn from the caller's torch seed."""

from __future__ import annotations

import math

from torch import nn


def initialise(module: nn.Module) -> None:
    """Set the weights of every linear, convolution and normalisation layer inside ``module``.

    As SegFormer does: linear layers from a truncated normal of deviation 0.02, convolutions from a
    normal of variance 2 / fan-out, biases 0, normalisations 1 and 0.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=0.02)
        elif isinstance(layer, nn.Conv2d):
            fan_out = math.prod(layer.kernel_size) * layer.out_channels // layer.groups
            nn.init.normal_(layer.weight, std=math.sqrt(2.0 / fan_out))
        elif isinstance(layer, nn.LayerNorm | nn.BatchNorm2d):
            nn.init.ones_(layer.weight)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
