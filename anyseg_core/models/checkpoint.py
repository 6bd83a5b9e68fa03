"""Checkpoints: weights as safetensors, a model card as JSON beside them, never a pickle."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from anyseg_core.errors import CheckpointError, ConfigurationError
from anyseg_core.models.card import ModelCard, parse_card
from anyseg_core.models.registry import build_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyseg_core.classes import ClassSet
    from anyseg_core.models.base import SegmentationModel
    from anyseg_core.normalisation import Normalisation

_DIGEST_KEY = "card_sha256"
_DO_COPY = "take an unaltered copy of both files"


def save_checkpoint(
    model: SegmentationModel,
    path: Path | str,
    *,
    classes: ClassSet,
    input_size: tuple[int, int],
    normalisation: Mapping[str, Normalisation],
    training_data: str,
    recipe: Mapping[str, Any],
    scores: Mapping[str, float],
    licence: str,
) -> ModelCard:
    """Write a model's weights to ``path`` and its card to the same stem with ``.json``.

    Args:
        model: the model; its weights are written as they are.
        path: ends in ``.safetensors``; existing files are replaced, each in one step.
        classes: names and colours in the order of the logits.
        input_size: (height, width) in pixels of whole images that the model was trained for.
        normalisation: for each of the model's modalities.
        training_data: the data set, its version and split.
        recipe: how the model was trained; JSON values.
        scores: figures by name, finite.
        licence: of the weights.

    Returns:
        The card as written.

    Raises:
        ConfigurationError: the classes or the normalisation do not fit the model, a weight is
            infinite or no number, or a value cannot be written as JSON.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ConfigurationError(f"{path}", "a path that ends in .safetensors", "correct the path")
    card = ModelCard(
        spec=model.spec,
        classes=classes,
        input_size=input_size,
        normalisation=normalisation,
        training_data=training_data,
        recipe=recipe,
        scores=scores,
        licence=licence,
        sha256="",
    )
    _check_fit(card)
    return _write(model, path, card)


def load_checkpoint(path: Path | str) -> tuple[SegmentationModel, ModelCard]:
    """Read a checkpoint that ``save_checkpoint`` wrote.

    Args:
        path: the weights, with the card beside them.

    Returns:
        The model on the CPU, in float32 however it was written, in evaluation mode, and its card.

    Raises:
        CheckpointError: a file is missing, damaged or altered, the two do not belong together, the
            weights do not fit the model that the card names, or one is infinite or no number.
    """
    path = Path(path)
    card = read_card(path)
    found = _sha256(path)
    if found != card.sha256:
        raise CheckpointError(
            f"{path} with SHA-256 {found[:12]}…",
            f"{card.sha256[:12]}…, as its card says",
            f"the weights are truncated or altered: {_DO_COPY}",
        )
    weights, metadata = _read_weights(path)
    if metadata.get(_DIGEST_KEY) != _digest(card):
        raise CheckpointError(
            f"{path.with_suffix('.json')}, altered since the weights were written",
            "the card that belongs to the weights",
            _DO_COPY,
        )
    return _fill(card, weights, path), card


def read_card(path: Path | str) -> ModelCard:
    """Read the card beside the weights at ``path``, without reading the weights.

    Raises:
        CheckpointError: the card is missing or malformed.
    """
    card_path = Path(path).with_suffix(".json")
    try:
        text = card_path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(
            f"no readable {card_path} ({error})",
            "a model card beside the weights",
            "give the path of the .safetensors file and keep its .json beside it",
        ) from error
    return parse_card(text, str(card_path))


def _check_fit(card: ModelCard) -> None:
    spec, classes = card.spec, card.classes
    if len(classes) != spec.num_classes or len(classes.colours) != len(classes):
        raise ConfigurationError(
            f"{len(classes)} classes with {len(classes.colours)} colours",
            f"{spec.num_classes} of each, as the model has",
            "pass the classes that the model was built for",
        )
    if set(card.normalisation) != set(spec.modalities):
        raise ConfigurationError(
            f"normalisation of {sorted(card.normalisation)}",
            f"of {sorted(spec.modalities)}",
            "pass one entry for each modality",
        )
    try:
        json.dumps(card.to_json(), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"a card that is no JSON ({error})", "JSON values, finite numbers", "correct the value"
        ) from error


def _write(model: SegmentationModel, path: Path, card: ModelCard) -> ModelCard:
    weights = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    if broken := _not_finite(weights):
        raise ConfigurationError(
            f"infinite values or NaN in {broken[:3]} (first three)",
            "finite weights",
            "save a checkpoint from before the run went wrong, or in a type that can hold them",
        )
    weights_part, card_part = path.with_suffix(".weights.part"), path.with_suffix(".card.part")
    save_file(weights, weights_part, {_DIGEST_KEY: _digest(card)})
    card = replace(card, sha256=_sha256(weights_part))
    card_part.write_text(json.dumps(card.to_json(), indent=2) + "\n", encoding="utf-8")
    weights_part.replace(path)
    card_part.replace(path.with_suffix(".json"))
    return card


def _digest(card: ModelCard) -> str:
    # Through JSON and back, so that tuples and lists inside the recipe count the same.
    return parse_card(json.dumps(card.to_json()), "the card").digest()


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(
            f"no readable {path} ({error})", "a .safetensors file", "correct the path"
        ) from error


def _read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, "pt") as file:
            # Copied into memory that torch aligns: on the file's own, some kernels round otherwise.
            weights = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118  # no mapping
            return weights, file.metadata() or {}
    except SafetensorError as error:
        raise CheckpointError(f"{path} ({error})", "a safetensors file", _DO_COPY) from error


def _fill(card: ModelCard, weights: dict[str, Tensor], path: Path) -> SegmentationModel:
    spec = card.spec
    try:
        with torch.device("meta"):
            model = build_model(
                spec.name, spec.encoder, spec.num_classes, spec.modalities, **spec.options
            )
    except ConfigurationError as error:
        raise CheckpointError(
            f"{path.with_suffix('.json')} with {error.got}", error.wanted, error.do
        ) from error
    wanted = model.state_dict()
    missing, unknown = sorted(wanted.keys() - weights), sorted(weights.keys() - wanted)
    wrong = [key for key in wanted if key in weights and weights[key].shape != wanted[key].shape]
    if missing or unknown or wrong:
        raise CheckpointError(
            f"{path} without {missing[:3]}, with unknown {unknown[:3]} and wrong shapes at "
            f"{wrong[:3]} (first three of each)",
            f"the {len(wanted)} tensors of {spec.name} with {spec.encoder}",
            _DO_COPY,
        )
    if broken := _not_finite(weights):
        raise CheckpointError(
            f"{path} with infinite values or NaN in {broken[:3]} (first three)",
            "finite weights",
            "take a checkpoint from before the run went wrong",
        )
    model.load_state_dict(weights, assign=True)
    return model.float().eval()


def _not_finite(weights: Mapping[str, Tensor]) -> list[str]:
    return sorted(key for key, value in weights.items() if not torch.isfinite(value).all())
