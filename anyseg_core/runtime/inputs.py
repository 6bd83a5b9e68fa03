"""What every runtime checks of its inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyseg_core.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyseg_core.types import Float32Array


def check_tensors(tensors: Mapping[str, Float32Array], modalities: tuple[str, ...]) -> None:
    """Check that there are tensors, of known modalities and of one size.

    Raises:
        RecordError: no modality, an unknown one, or sizes that differ.
    """
    shapes = {tensor.shape for tensor in tensors.values()}
    if len(shapes) != 1 or set(tensors) - set(modalities):
        raise RecordError(
            ", ".join(f"{name} {each.shape}" for name, each in tensors.items()) or "nothing",
            f"one or more of {', '.join(modalities)}, all 3 x H x W alike",
            "give each modality the same image plane",
        )
