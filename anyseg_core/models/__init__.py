"""Segmentation models for any subset of modalities."""

from anyseg_core.models.add_modality import add_modality
from anyseg_core.models.base import ModelSpec, SegmentationModel
from anyseg_core.models.card import ModelCard
from anyseg_core.models.carried_state import CarriedState
from anyseg_core.models.checkpoint import load_checkpoint, read_card, save_checkpoint
from anyseg_core.models.encoders import ENCODERS
from anyseg_core.models.output import SegmentationOutput
from anyseg_core.models.registry import MODELS, build_model

__all__ = [
    "ENCODERS",
    "MODELS",
    "CarriedState",
    "ModelCard",
    "ModelSpec",
    "SegmentationModel",
    "SegmentationOutput",
    "add_modality",
    "build_model",
    "load_checkpoint",
    "read_card",
    "save_checkpoint",
]
