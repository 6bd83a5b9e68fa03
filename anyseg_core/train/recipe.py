"""The recipe: everything that a training run is made of, read strictly from YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml

from anyseg_core.data import AugmentationConfig  # noqa: TC001  # parsed by its annotation
from anyseg_core.data.document import read_yaml
from anyseg_core.errors import ConfigurationError
from anyseg_core.train.parsing import parse_dataclass
from anyseg_core.train.recipe_parts import (
    BatchRecipe,
    DataRecipe,
    DistillationRecipe,
    EvaluationRecipe,
    LossRecipe,
    ModelRecipe,
    OptimiserRecipe,
    ScheduleRecipe,
    SubsetRecipe,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A training run; see ``docs/training.md``.

    Attributes:
        model: which network.
        data: which data.
        batch: samples per update.
        augmentation: of training samples; its crop is the network's input in training.
        schedule: how long, and the learning rate over time.
        optimiser: AdamW's numbers.
        loss: the supervised criterion.
        subsets: which modalities a step sees.
        distillation: LSCD; None for none.
        evaluation: validation inside the loop.
        precision: ``no`` for single precision, or mixed with ``bf16`` or ``fp16``.
        deterministic: choose deterministic kernels, so that a resumed run gives the same bits.
        seed: of weights, order, augmentation and every other draw.
        licence: of the weights, for the card.
    """

    model: ModelRecipe
    batch: BatchRecipe
    augmentation: AugmentationConfig
    schedule: ScheduleRecipe
    data: DataRecipe = field(default_factory=DataRecipe)
    optimiser: OptimiserRecipe = field(default_factory=OptimiserRecipe)
    loss: LossRecipe = field(default_factory=LossRecipe)
    subsets: SubsetRecipe = field(default_factory=SubsetRecipe)
    distillation: DistillationRecipe | None = None
    evaluation: EvaluationRecipe = field(default_factory=EvaluationRecipe)
    precision: Literal["no", "bf16", "fp16"] = "no"
    deterministic: bool = True
    seed: int = 0
    licence: str = "not stated"

    def __post_init__(self) -> None:
        if self.augmentation.drop_probability > 0.0:
            raise ConfigurationError(
                "augmentation.drop_probability above 0",
                "0: one batch holds the same modalities for all its samples",
                "let the key subsets draw them",
            )
        if self.data.workers < 0 or self.seed < 0:
            raise ConfigurationError(
                f"data.workers {self.data.workers}, seed {self.seed}", "0 or more", "correct them"
            )

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as JSON values, every default written out."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def read_recipe(path: Path | str, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe from a YAML file.

    Args:
        path: of the file.
        changes: ``key.path=value`` each, the value in YAML; they go before the file's.

    Raises:
        ConfigurationError: the file is missing, no YAML, or has a wrong key or value.
    """
    path = Path(path)
    content = read_yaml(path, "a recipe in YAML")
    for change in changes:
        _change(content, change)
    try:
        return parse_dataclass(Recipe, content)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error.got}", error.wanted, error.do) from error


def _change(content: Any, change: str) -> None:  # noqa: ANN401  # what YAML gave
    """Put one ``key.path=value`` into the plain values of a recipe."""
    keys, equals, text = change.partition("=")
    *parents, last = keys.split(".")
    try:
        for key in parents:
            if content.get(key) is None:
                content[key] = {}
            content = content[key]
        content[last] = yaml.safe_load(text)
    except (AttributeError, TypeError, yaml.YAMLError):
        equals = ""
    if not equals or not all((*parents, last)):
        raise ConfigurationError(
            f"the change {change!r}", "key.path=value, such as optimiser.lr=1e-3", "correct it"
        )


def _plain(value: object) -> Any:  # noqa: ANN401  # any JSON value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value
