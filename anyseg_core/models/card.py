"""Model cards: what a checkpoint's weights are, as a small JSON file beside them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anyseg_core.classes import ClassSet
from anyseg_core.errors import CheckpointError, ConfigurationError
from anyseg_core.models.base import ModelSpec
from anyseg_core.normalisation import Normalisation

if TYPE_CHECKING:
    from collections.abc import Mapping

_FORMAT = 1
_DO = "save the checkpoint anew with save_checkpoint, or take an unaltered copy"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is known of a checkpoint.

    Attributes:
        spec: the model's name, encoder, number of classes, modalities and options.
        classes: names and colours, in the order of the logits.
        input_size: (height, width) in pixels of whole images that the model was trained for.
        normalisation: for each modality.
        training_data: the data set, its version and split.
        recipe: how it was trained; JSON values.
        scores: figures by name.
        licence: of the weights.
        sha256: of the weights file, in hexadecimal.
    """

    spec: ModelSpec
    classes: ClassSet
    input_size: tuple[int, int]
    normalisation: Mapping[str, Normalisation]
    training_data: str
    recipe: Mapping[str, Any]
    scores: Mapping[str, float]
    licence: str
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """Return the card as JSON values."""
        return {
            "format": _FORMAT,
            "model": self.spec.name,
            "encoder": self.spec.encoder,
            "options": dict(self.spec.options),
            "classes": [
                {"name": name, "colour": list(colour)}
                for name, colour in zip(self.classes.names, self.classes.colours, strict=True)
            ],
            "modalities": list(self.spec.modalities),
            "input_size": list(self.input_size),
            "normalisation": {
                name: {"mean": list(values.mean), "std": list(values.std)}
                for name, values in self.normalisation.items()
            },
            "training_data": self.training_data,
            "recipe": dict(self.recipe),
            "scores": dict(self.scores),
            "licence": self.licence,
            "sha256": self.sha256,
        }

    def digest(self) -> str:
        """Return a hash of all but ``sha256``; the weights file holds it, so neither can stray."""
        content = {key: value for key, value in self.to_json().items() if key != "sha256"}
        text = json.dumps(content, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


_TYPES: dict[str, type] = {
    "format": int,
    "model": str,
    "encoder": str,
    "options": dict,
    "classes": list,
    "modalities": list,
    "input_size": list,
    "normalisation": dict,
    "training_data": str,
    "recipe": dict,
    "scores": dict,
    "licence": str,
    "sha256": str,
}


def parse_card(text: str, source: str) -> ModelCard:
    """Read a card from JSON text.

    Args:
        text: the file's content.
        source: the file's name, for errors.

    Raises:
        CheckpointError: no JSON, a field is missing, unknown or of the wrong type.
    """
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise CheckpointError(f"{source}: {error}", "a model card in JSON", _DO) from error
    _check_fields(content, source)
    try:
        return _card_from(content)
    except (KeyError, TypeError, ValueError, ConfigurationError) as error:
        raise CheckpointError(
            f"{source} with a malformed value ({type(error).__name__}: {error})",
            "the values that save_checkpoint writes",
            _DO,
        ) from error


def _check_fields(content: object, source: str) -> None:
    if not isinstance(content, dict):
        raise CheckpointError(f"{source}: {type(content).__name__}", "a JSON object", _DO)
    missing, unknown = sorted(_TYPES.keys() - content), sorted(content.keys() - _TYPES)
    if missing or unknown:
        raise CheckpointError(
            f"{source} without {missing} and with unknown {unknown}",
            f"the fields {', '.join(_TYPES)}",
            _DO,
        )
    for key, wanted in _TYPES.items():
        if not isinstance(content[key], wanted):
            raise CheckpointError(
                f"{source}: {key} = {content[key]!r}", f"a {wanted.__name__}", _DO
            )
    if content["format"] != _FORMAT:
        raise CheckpointError(
            f"{source}: format {content['format']}", f"format {_FORMAT}", "update anyseg"
        )


def _card_from(content: dict[str, Any]) -> ModelCard:
    classes = ClassSet(
        tuple(str(entry["name"]) for entry in content["classes"]),
        tuple(_colour(entry["colour"]) for entry in content["classes"]),
    )
    spec = ModelSpec(
        content["model"],
        content["encoder"],
        len(classes),
        tuple(str(name) for name in content["modalities"]),
        content["options"],
    )
    height, width = (int(side) for side in content["input_size"])
    return ModelCard(
        spec=spec,
        classes=classes,
        input_size=(height, width),
        normalisation={
            name: Normalisation(_three_floats(values["mean"]), _three_floats(values["std"]))
            for name, values in content["normalisation"].items()
        },
        training_data=content["training_data"],
        recipe=content["recipe"],
        scores={name: float(score) for name, score in content["scores"].items()},
        licence=content["licence"],
        sha256=content["sha256"],
    )


def _three_floats(values: list[Any]) -> tuple[float, float, float]:
    first, second, third = (float(value) for value in values)
    return first, second, third


def _colour(values: list[Any]) -> tuple[int, int, int]:
    red, green, blue = values
    if not all(isinstance(value, int) and 0 <= value <= 255 for value in values):
        raise ValueError(f"colour {values}, wanted three integers 0..255")
    return red, green, blue
