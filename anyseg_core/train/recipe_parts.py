"""The parts of a recipe, with their defaults and ranges."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # parsed by its annotation
from dataclasses import dataclass, field
from typing import Literal

from anyseg_core.errors import ConfigurationError
from anyseg_core.models.base import OptionValue  # noqa: TC001  # likewise


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecipe:
    """Which network.

    Attributes:
        name: as ``build_model`` knows it.
        encoder: likewise.
        options: of the model.
        encoder_weights: a safetensors file of the user's own MiT weights to start from.
        encoder_checkpoint: a checkpoint of this package whose encoder alone to start from; it may
            be of another model with the same encoder. ``default`` is the package's own.
        checkpoint: a checkpoint of the same network to start from, for fine-tuning; likewise.
    """

    name: str
    encoder: str = "mit_b2"
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    encoder_weights: str | None = None
    encoder_checkpoint: str | None = None
    checkpoint: str | None = None

    def __post_init__(self) -> None:
        starts = ("encoder_weights", "encoder_checkpoint", "checkpoint")
        given = [name for name in starts if getattr(self, name) is not None]
        if len(given) > 1:
            raise ConfigurationError(" and ".join(given), "at most one", "keep one of them")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRecipe:
    """Which data.

    Attributes:
        root: the data set's folder; the command line's goes before it.
        layout: as ``open_dataset`` knows it.
        modalities: those to train on, in the network's order; None for all that the set has.
        train_split: the samples to learn from.
        validation_split: the samples to choose the best weights by.
        workers: processes that read and augment, on each device.
    """

    root: str | None = None
    layout: str = "auto"
    modalities: tuple[str, ...] | None = None
    train_split: str = "train"
    validation_split: str = "val"
    workers: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimiserRecipe:
    """AdamW or Muon; the defaults are CMNeXt's protocol.

    Attributes:
        kind: ``adamw``, or ``muon``: matrices by Muon, the rest by AdamW.
        lr: the highest learning rate.
        betas: of the moments.
        eps: added to the root of the second moment.
        weight_decay: none on 1-D parameters.
        clip_norm: the gradient's greatest length; None for any.
        muon_rms: root mean square of a matrix's update by Muon, as a multiple of lr.
        muon_momentum: of Muon.
    """

    kind: Literal["adamw", "muon"] = "adamw"
    lr: float = 6e-5
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.01
    clip_norm: float | None = None
    muon_rms: float = 0.2
    muon_momentum: float = 0.95

    def __post_init__(self) -> None:
        if self.lr <= 0.0 or self.eps <= 0.0 or self.weight_decay < 0.0:
            raise ConfigurationError(
                f"lr {self.lr}, eps {self.eps}, weight_decay {self.weight_decay}",
                "lr and eps above 0, weight_decay 0 or more",
                "correct them",
            )
        if not all(0.0 <= beta < 1.0 for beta in (*self.betas, self.muon_momentum)):
            raise ConfigurationError(
                f"betas {self.betas}, muon_momentum {self.muon_momentum}",
                "0 <= beta < 1",
                "correct them",
            )
        if self.muon_rms <= 0.0:
            raise ConfigurationError(f"muon_rms {self.muon_rms}", "above 0", "correct it")
        if self.clip_norm is not None and self.clip_norm <= 0.0:
            raise ConfigurationError(f"clip_norm {self.clip_norm}", "above 0", "correct it")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRecipe:
    """How long, and the learning rate over time: warm-up, constant part, polynomial fall.

    Exactly one of ``epochs`` and ``steps`` is given; the parts' lengths are in the same unit.

    Attributes:
        epochs: passes over the training split.
        steps: updates of the weights.
        warmup: length of the linear warm-up.
        warmup_ratio: where the warm-up starts, as a share of the learning rate.
        hold: length of the constant part after the warm-up.
        power: of the fall to 0; 1 is linear.
    """

    epochs: float | None = None
    steps: int | None = None
    warmup: float = 0.0
    warmup_ratio: float = 0.1
    hold: float = 0.0
    power: float = 0.9

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.steps is None):
            raise ConfigurationError(
                f"epochs {self.epochs} and steps {self.steps}", "exactly one of them", "give one"
            )
        if self.length <= 0 or min(self.warmup, self.hold) < 0:
            raise ConfigurationError(
                f"a length of {self.length}, warmup {self.warmup}, hold {self.hold}",
                "a length above 0, the others 0 or more",
                "correct them",
            )
        if self.warmup + self.hold > self.length:
            raise ConfigurationError(
                f"warmup {self.warmup} and hold {self.hold} of {self.length}",
                "parts no longer than the whole",
                "shorten them",
            )
        if self.power <= 0.0 or not 0.0 <= self.warmup_ratio <= 1.0:
            raise ConfigurationError(
                f"power {self.power}, warmup_ratio {self.warmup_ratio}",
                "power above 0, warmup_ratio 0 to 1",
                "correct them",
            )

    @property
    def length(self) -> float:
        """The whole length, in epochs or updates."""
        return self.epochs if self.epochs is not None else float(self.steps or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecipe:
    """How many samples one update of the weights sees.

    Attributes:
        size: samples of one forward pass on one device.
        accumulation: forward passes whose gradients are averaged for one update.
    """

    size: int
    accumulation: int = 1

    def __post_init__(self) -> None:
        if self.size < 1 or self.accumulation < 1:
            raise ConfigurationError(
                f"size {self.size}, accumulation {self.accumulation}", "at least 1", "raise them"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LossRecipe:
    """The supervised criterion, which every branch of the model is held to.

    Attributes:
        kind: ``cross_entropy``, or ``ohem``: cross-entropy of the hard pixels alone.
        ohem_threshold: a pixel is hard where its class has a probability below this.
        ohem_least: smallest share of the labelled pixels that counts as hard.
        class_weight_power: weigh each class by its share of the training pixels to the power of
            minus this, so that the mean weight is 1; 0 for equal weights.
    """

    kind: Literal["cross_entropy", "ohem"] = "cross_entropy"
    ohem_threshold: float = 0.7
    ohem_least: float = 1 / 16
    class_weight_power: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 < self.ohem_threshold <= 1.0 or not 0.0 <= self.ohem_least <= 1.0:
            raise ConfigurationError(
                f"ohem_threshold {self.ohem_threshold}, ohem_least {self.ohem_least}",
                "a probability above 0, and a share 0 to 1",
                "correct them",
            )
        if not 0.0 <= self.class_weight_power <= 1.0:
            raise ConfigurationError(
                f"class_weight_power {self.class_weight_power}", "0 to 1", "correct it"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsetRecipe:
    """Which modalities a training step sees; the same ones for its whole batch.

    Attributes:
        full: probability of all modalities; else a random subset is drawn, the full one included.
        sizes: relative weight of each subset size 1, 2, ...; empty: all subsets alike.
    """

    full: float = 1.0
    sizes: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not 0.0 <= self.full <= 1.0:
            raise ConfigurationError(f"full {self.full}", "0 to 1", "correct it")
        if any(weight < 0.0 for weight in self.sizes) or (self.sizes and not any(self.sizes)):
            raise ConfigurationError(
                f"sizes {self.sizes}", "weights of 0 or more, one above 0", "correct them"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillationRecipe:
    """Any2Seg's LSCD.

    Attributes:
        teacher: the file of the teacher's embeddings.
        inter_weight: weight of L_cr.
        intra_weight: weight of L_se.
        temperature: divides the cosines.
        reverse: KL(student || teacher).
    """

    teacher: str
    inter_weight: float = 1.0
    intra_weight: float = 1.0
    temperature: float = 1.0
    reverse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRecipe:
    """The validation inside the loop.

    Attributes:
        every: its interval, in the schedule's unit (epochs or updates).
        size: height and width that inputs and labels are resized to; None for the files' own.
        samples: how many samples, spread evenly over the split; None for all.
        singles_every: at every how many validations, and at the last, each modality alone is
            scored too; 0 for never.
        best_by: the best weights have the highest mIoU with all modalities (``full``), or the
            highest mean of that and each modality alone (``mean``, where these are scored).
    """

    every: float = 1.0
    size: tuple[int, int] | None = None
    samples: int | None = None
    singles_every: int = 0
    best_by: Literal["full", "mean"] = "full"

    def __post_init__(self) -> None:
        if self.every <= 0 or self.singles_every < 0:
            raise ConfigurationError(
                f"every {self.every}, singles_every {self.singles_every}",
                "above 0, and 0 or more",
                "correct them",
            )
        if (self.samples is not None and self.samples < 1) or (
            self.size is not None and not all(32 <= side <= 8192 for side in self.size)
        ):
            raise ConfigurationError(
                f"samples {self.samples}, size {self.size}",
                "at least 1 sample, 32 to 8192 pixels a side",
                "correct them",
            )
        if self.best_by == "mean" and self.singles_every == 0:
            raise ConfigurationError(
                "best_by mean without singles_every", "singles_every of 1 or more", "set it"
            )
