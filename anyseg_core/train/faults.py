"""What a training step can fail with, told so that a person knows what to do."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from anyseg_core.train.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyseg_core.train.batches import Batch


def check_finite(terms: dict[str, float], update: int, lr: float, batch: Batch) -> None:
    """Refuse a loss that is NaN or infinite.

    Args:
        terms: the loss's terms by name.
        update: number of the update, from 0.
        lr: its learning rate.
        batch: what the network saw.

    Raises:
        TrainingError: names the update, the terms, the learning rate and the samples.
    """
    if all(math.isfinite(value) for value in terms.values()):
        return
    shown = ", ".join(f"{name} {value:g}" for name, value in terms.items())
    dirty = [name for name, x in batch.inputs.items() if not bool(x.isfinite().all())]
    cause = (
        f"{', '.join(dirty)} of these samples hold NaN or Inf: repair or remove them"
        if dirty
        else "the inputs are finite: lower optimiser.lr, set optimiser.clip_norm, or train with "
        "precision bf16 or no; the state before this update is kept"
    )
    seen = f"{', '.join(batch.inputs)} of {', '.join(batch.names)}"
    raise TrainingError(
        f"a loss of {shown} at update {update} with learning rate {lr:g}, from {seen}",
        "finite numbers",
        cause,
    )


@contextmanager
def told_out_of_memory(update: int, batch: Batch) -> Iterator[None]:
    """Turn an out-of-memory error inside the block into one that says what to change.

    Raises:
        TrainingError: memory ran out.
    """
    try:
        yield
    except RuntimeError as error:  # torch's OutOfMemoryError is one
        full = isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
        if not full:
            raise
        shape = tuple(next(iter(batch.inputs.values())).shape)
        raise TrainingError(
            f"no memory left at update {update}, with {len(batch.inputs)} modalities of "
            f"{shape[0]} x {shape[1]} x {shape[2]} x {shape[3]}",
            "a forward and backward pass that fits into the device's memory",
            "halve batch.size and double batch.accumulation (the same gradient), lower "
            "augmentation.crop, or choose a smaller encoder",
        ) from error
