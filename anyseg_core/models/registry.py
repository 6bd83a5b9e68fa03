"""Models by name."""

from __future__ import annotations

from dataclasses import dataclass, fields

from anyseg_core.errors import ConfigurationError
from anyseg_core.models.any2seg import Any2Seg, Any2SegOptions
from anyseg_core.models.base import ModelOptions, ModelSpec, OptionValue, SegmentationModel
from anyseg_core.models.charm import Charm, CharmOptions
from anyseg_core.models.cmnext import CMNeXt, CMNeXtOptions
from anyseg_core.models.initialisation import initialise
from anyseg_core.models.mean_fusion import MeanFusion
from anyseg_core.models.separable import SeparableModel
from anyseg_core.types import MODALITIES


@dataclass(frozen=True, slots=True)
class _Entry:
    model: type[SegmentationModel]
    options: type[ModelOptions]


_MODELS: dict[str, _Entry] = {
    "any2seg": _Entry(Any2Seg, Any2SegOptions),
    "charm": _Entry(Charm, CharmOptions),
    "cmnext": _Entry(CMNeXt, CMNeXtOptions),
    "mean_fusion": _Entry(MeanFusion, ModelOptions),
    "segformer": _Entry(MeanFusion, ModelOptions),
}

MODELS: tuple[str, ...] = tuple(_MODELS)
"""The names that ``build_model`` knows."""


def build_model(
    name: str,
    encoder: str = "mit_b2",
    num_classes: int = 25,
    modalities: tuple[str, ...] = MODALITIES,
    **options: OptionValue,
) -> SegmentationModel:
    """Build a model with fresh weights, drawn from torch's seed.

    Args:
        name: ``any2seg``, ``charm``, ``cmnext``, ``mean_fusion``, or ``segformer`` (one modality
            alone).
        encoder: one of ``anyseg_core.models.encoders.ENCODERS``.
        num_classes: K.
        modalities: what the model may be given, in its order; letters, digits and underscores.
        options: fields of the model's options class.

    Raises:
        ConfigurationError: a name, an option or a value cannot be used.
    """
    if name not in _MODELS:
        raise ConfigurationError(
            f"model {name!r}", f"one of {', '.join(MODELS)}", "correct the model's name"
        )
    modalities = tuple(modalities)
    _check_sizes(name, num_classes, modalities)
    entry = _MODELS[name]
    _check_options(entry.options, options)
    spec = ModelSpec(name, encoder, num_classes, modalities, dict(options))
    model = entry.model(spec, entry.options(**options))  # type: ignore[arg-type]  # checked above
    initialise(model)
    model.head.initialise_classifier()
    return model


def is_separable(name: str) -> bool:
    """Return whether the model of this name is cut in two halves, of which graphs are made."""
    return name in _MODELS and issubclass(_MODELS[name].model, SeparableModel)


def _check_sizes(name: str, num_classes: int, modalities: tuple[str, ...]) -> None:
    if not 1 <= num_classes <= 255:
        raise ConfigurationError(
            f"num_classes={num_classes}", "1 to 255; 255 itself marks no class", "correct it"
        )
    if not modalities or len(set(modalities)) != len(modalities):
        raise ConfigurationError(
            f"modalities {modalities}", "at least one, each once", "correct the list"
        )
    for modality in modalities:
        if not modality.isidentifier():
            raise ConfigurationError(
                f"modality {modality!r}", "letters, digits and underscores", "rename it"
            )
    if name == "segformer" and len(modalities) != 1:
        raise ConfigurationError(
            f"segformer with {modalities}", "exactly one modality", "use mean_fusion for several"
        )


def _check_options(options_class: type[ModelOptions], options: dict[str, OptionValue]) -> None:
    known = {field.name: type(field.default) for field in fields(options_class)}
    for name, value in options.items():
        if name not in known:
            raise ConfigurationError(
                f"option {name!r}", f"one of {', '.join(known)}", "correct the option's name"
            )
        wanted = (int, float) if known[name] is float else known[name]
        if not isinstance(value, wanted) or (isinstance(value, bool) and known[name] is not bool):
            raise ConfigurationError(
                f"{name}={value!r}", f"a value of type {known[name].__name__}", f"correct {name}"
            )
