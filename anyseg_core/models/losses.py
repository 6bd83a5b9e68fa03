"""Supervised losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

from anyseg_core.types import IGNORE_LABEL

if TYPE_CHECKING:
    from torch import Tensor


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy over the labelled pixels; 0 where none is labelled.

    Any2Seg Eq. 7, CHARM Eq. 6.

    Args:
        logits: B x K x H x W.
        labels: integers B x H x W, 0..K-1, or 255 for a pixel without a class.
    """
    labels = labels.long()
    total = functional.cross_entropy(
        logits.float(), labels, ignore_index=IGNORE_LABEL, reduction="sum"
    )
    return total / (labels != IGNORE_LABEL).sum().clamp(min=1)
