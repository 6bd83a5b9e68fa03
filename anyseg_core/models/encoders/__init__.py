"""Encoders with four feature scales behind one interface."""

from anyseg_core.models.encoders.interface import Encoder, Scales
from anyseg_core.models.encoders.mit_weights import import_mit_weights, load_mit_weights
from anyseg_core.models.encoders.registry import ENCODERS, build_encoder

__all__ = [
    "ENCODERS",
    "Encoder",
    "Scales",
    "build_encoder",
    "import_mit_weights",
    "load_mit_weights",
]
