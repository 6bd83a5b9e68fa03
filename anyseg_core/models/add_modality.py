"""Teaching a trained model a new modality."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from anyseg_core.errors import ConfigurationError
from anyseg_core.models.registry import build_model

if TYPE_CHECKING:
    from anyseg_core.models.base import SegmentationModel


def add_modality(model: SegmentationModel, name: str, like: str) -> SegmentationModel:
    """Return a copy of a model that also takes the modality ``name``, to be trained further.

    What all modalities share is copied as it is. What each has of its own (CHARM's projectors,
    keys and values; the hub of CMNeXt's form) starts, for the new one, as a copy of ``like``'s.

    Args:
        model: the trained model, left as it is.
        name: the new modality.
        like: one of the model's modalities, the nearest in kind.

    Raises:
        ConfigurationError: ``name`` is the model's already, ``like`` is not, or has no parameters
            of its own to copy where the new modality needs some.
    """
    spec = model.spec
    if name in spec.modalities or like not in spec.modalities:
        raise ConfigurationError(
            f"a modality {name!r} like {like!r}",
            f"a new name, and one of {', '.join(spec.modalities)} that it is like",
            "correct the names",
        )
    with torch.device("meta"):
        grown = build_model(
            spec.name, spec.encoder, spec.num_classes, (*spec.modalities, name), **spec.options
        )
    trained = model.state_dict()
    weights = {}
    for key in grown.state_dict():
        source = key
        if key not in trained:
            source = ".".join(like if part == name else part for part in key.split("."))
        if source not in trained:
            raise ConfigurationError(
                f"like={like!r}, which has no {key.replace(name, like)!r}",
                "a modality with parameters of its own",
                "choose another one that is like the new one",
            )
        weights[key] = trained[source].clone()
    grown.load_state_dict(weights, assign=True)
    return grown.train(model.training)
