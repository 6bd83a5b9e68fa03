"""Checks on what is passed to a model, and its stacking into one batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from anyseg_core.errors import ConfigurationError, RecordError

if TYPE_CHECKING:
    from collections.abc import Mapping


def stack_modalities(
    inputs: Mapping[str, Tensor], known: tuple[str, ...], min_side: int
) -> tuple[tuple[str, ...], Tensor]:
    """Concatenate the modalities present along the batch dimension.

    Args:
        inputs: for each modality present, a float tensor B x 3 x H x W.
        known: the modalities of the model, in its order.
        min_side: least H and W in pixels.

    Returns:
        The M names present, in the model's order, and their images M B x 3 x H x W.

    Raises:
        ConfigurationError: no modality is present, or one is not the model's.
        RecordError: a tensor has the wrong type or shape, or shapes differ.
    """
    unknown = sorted(set(inputs) - set(known))
    if unknown or not inputs:
        raise ConfigurationError(
            f"modalities {sorted(inputs)}",
            f"at least one, all of them among {', '.join(known)}",
            f"remove {', '.join(unknown)}" if unknown else "pass what is present",
        )
    names = tuple(name for name in known if name in inputs)
    first = inputs[names[0]]
    for name in names:
        _check_image(name, inputs[name], first, min_side)
    return names, torch.cat([inputs[name] for name in names])


def _check_image(name: str, image: Tensor, first: Tensor, min_side: int) -> None:
    if not image.is_floating_point():
        raise RecordError(
            f"{name} as {image.dtype}", "a floating-point tensor", "normalise the image first"
        )
    if image.ndim != 4 or image.shape[1] != 3:
        raise RecordError(
            f"{name} of shape {tuple(image.shape)}",
            "B x 3 x H x W",
            "project the sensor's reading to three channels first",
        )
    if image.shape != first.shape:
        raise RecordError(
            f"{name} of shape {tuple(image.shape)}",
            f"the first modality's shape {tuple(first.shape)}",
            "bring all modalities to one image plane and batch size",
        )
    if image.shape[2] < min_side or image.shape[3] < min_side:
        raise RecordError(
            f"{name} of {image.shape[2]} x {image.shape[3]} pixels",
            f"at least {min_side} x {min_side}",
            "use a larger image",
        )
