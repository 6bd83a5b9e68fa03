"""The network that a recipe asks for, with the weights that it starts from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from anyseg_core.errors import ConfigurationError
from anyseg_core.models import build_model, load_checkpoint
from anyseg_core.models.encoders import load_mit_weights
from anyseg_core.models.encoders.pyramid import PyramidEncoder
from anyseg_core.weights import shipped_checkpoint

if TYPE_CHECKING:
    from anyseg_core.models import SegmentationModel
    from anyseg_core.train.recipe_parts import ModelRecipe


def build_network(
    recipe: ModelRecipe, num_classes: int, modalities: tuple[str, ...], seed: int
) -> SegmentationModel:
    """Build the network, in training mode.

    Args:
        recipe: names, options and initial weights.
        num_classes: K of the data set.
        modalities: of the data set.
        seed: of fresh weights.

    Raises:
        ConfigurationError: a name or option is wrong, or the initial weights are another network's.
        CheckpointError: the initial weights cannot be read, or do not fit.
    """
    torch.manual_seed(seed)
    model = build_model(recipe.name, recipe.encoder, num_classes, modalities, **recipe.options)
    if recipe.encoder_weights is not None:
        if not isinstance(model.encoder, PyramidEncoder):
            raise ConfigurationError(
                f"model.encoder_weights for {recipe.encoder}", "a MiT encoder", "remove the key"
            )
        load_mit_weights(model.encoder, Path(recipe.encoder_weights))
    if recipe.encoder_checkpoint is not None:
        start = _start(recipe.encoder_checkpoint)
        if start.spec.encoder != recipe.encoder:
            raise ConfigurationError(
                f"model.encoder_checkpoint with the encoder {start.spec.encoder}",
                f"with {recipe.encoder}",
                "choose another checkpoint, or its encoder as model.encoder",
            )
        model.encoder.load_state_dict(start.encoder.state_dict())
    if recipe.checkpoint is not None:
        start = _start(recipe.checkpoint)
        if start.spec != model.spec:
            raise ConfigurationError(
                f"model.checkpoint of {start.spec}",
                f"of {model.spec}",
                "choose the checkpoint of the same network, classes and modalities",
            )
        model.load_state_dict(start.state_dict())
    return model.train()


def _start(name: str) -> SegmentationModel:
    """Read the checkpoint that a recipe names."""
    path = shipped_checkpoint() if name == "default" else Path(name)
    if path is None:
        raise ConfigurationError(
            "the checkpoint default", "the package's own", "this build has none: give a file's path"
        )
    return load_checkpoint(path)[0]
