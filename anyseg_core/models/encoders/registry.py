"""Encoders by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyseg_core.errors import ConfigurationError
from anyseg_core.models.encoders.pyramid import PYRAMIDS, PyramidEncoder
from anyseg_core.models.encoders.swin import SwinTiny

if TYPE_CHECKING:
    from anyseg_core.models.encoders.interface import Encoder

ENCODERS: tuple[str, ...] = (*PYRAMIDS, "swin_t")
"""The names that ``build_encoder`` knows."""


def build_encoder(name: str, drop_path: float = 0.1) -> Encoder:
    """Build an encoder without weights of its own training.

    Args:
        name: one of ``ENCODERS``.
        drop_path: stochastic depth of the last block in training.

    Raises:
        ConfigurationError: the name is not known.
    """
    if name not in ENCODERS:
        raise ConfigurationError(
            f"encoder {name!r}", f"one of {', '.join(ENCODERS)}", "correct the encoder's name"
        )
    if name == "swin_t":
        return SwinTiny(drop_path)
    return PyramidEncoder(PYRAMIDS[name], drop_path)
