"""What every runtime checks of its inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyseg_core.errors import RecordError
from anyseg_core.models.encoders import Encoder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyseg_core.types import Float32Array


def check_tensors(
    tensors: Mapping[str, Float32Array], modalities: tuple[str, ...]
) -> tuple[str, ...]:
    """Check that there are tensors, of known modalities and of one size.

    Returns:
        The names of those present, in the order of ``modalities``.

    Raises:
        RecordError: no modality, an unknown one, or sizes that differ or are too small.
    """
    shapes = {tensor.shape for tensor in tensors.values()}
    least = Encoder.min_side
    fits = len(shapes) == 1 and not set(tensors) - set(modalities)
    if not fits or any(len(shape) != 3 or min(shape[1:]) < least for shape in shapes):
        raise RecordError(
            ", ".join(f"{name} {each.shape}" for name, each in tensors.items()) or "nothing",
            f"one or more of {', '.join(modalities)}, all 3 x H x W alike, H and W at least "
            f"{least}",
            "give each modality the same image plane",
        )
    return tuple(name for name in modalities if name in tensors)
