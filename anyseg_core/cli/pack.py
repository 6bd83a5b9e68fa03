"""``anyseg pack``: a checkpoint made small, with its scores in its card, to give to others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from anyseg_core.cli.command import Command
from anyseg_core.errors import ConfigurationError
from anyseg_core.evaluation import read_evaluated
from anyseg_core.models import load_checkpoint, save_checkpoint

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from anyseg_core.models import SegmentationModel

SCORES = ("miou", "miou_present", "mean", "top1", "last1")
"""The figures of an evaluation that go into the card; ``anyseg evaluate`` says what they are."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="the .safetensors file")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="the .safetensors to write"
    )
    parser.add_argument(
        "--half", action="store_true",
        help="store the weights as float16: half the size; they are loaded as float32",
    )  # fmt: skip
    parser.add_argument(
        "--scores", nargs="+", default=[], metavar="LABEL=FILE",
        help="JSON of anyseg evaluate; its figures go into the card as LABEL_miou and so on",
    )  # fmt: skip


def _run(options: argparse.Namespace) -> int:
    model, card = load_checkpoint(options.checkpoint)
    scores = {**card.scores, **_scores(options.scores)}
    try:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        save_checkpoint(
            _with_half_weights(model) if options.half else model,
            options.output,
            classes=card.classes,
            input_size=card.input_size,
            normalisation=card.normalisation,
            training_data=card.training_data,
            recipe=card.recipe,
            scores=scores,
            licence=card.licence,
        )
    except OSError as error:
        raise ConfigurationError(
            f"--output {options.output}: {error.strerror}",
            "a file that can be written",
            "choose another path",
        ) from None
    size_mb = options.output.stat().st_size / 1e6
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"written: {options.output} ({size_mb:.1f} MB) and its card beside it")
    return 0


def _with_half_weights(model: SegmentationModel) -> SegmentationModel:
    # Running statistics stay as they are: a variance may be beyond float16's 65504, and is small.
    for parameter in model.parameters():
        parameter.data = parameter.data.half()
    return model


def _scores(arguments: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for argument in arguments:
        label, equals, _ = argument.partition("=")
        if not equals or not label:
            raise ConfigurationError(
                f"--scores {argument}", "LABEL=FILE, such as test=scores.json", "name the figures"
            )
        content = read_evaluated(argument).content
        values = {name: content.get(name) for name in SCORES}
        found |= {f"{label}_{name}": v for name, v in values.items() if isinstance(v, float)}
    return found


COMMAND = Command(
    "pack",
    "Make a checkpoint small and write its scores into its card, to give it to others.",
    add_arguments,
    _run,
)
