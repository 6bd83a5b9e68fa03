"""``anyseg train``: train a network by a recipe."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from anyseg_core.cli.command import Command
from anyseg_core.cli.output import write_json
from anyseg_core.data import open_dataset
from anyseg_core.errors import ConfigurationError
from anyseg_core.train import (
    RunOptions,
    keep_freed_memory,
    overfit_one_batch,
    read_recipe,
    train,
)

if TYPE_CHECKING:
    import argparse

    from anyseg_core.data import SegmentationDataset
    from anyseg_core.train import Recipe

OVERFIT_UPDATES = 60
_SIGNAL_EXIT = 128


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", type=Path, help="a YAML file; see docs/training.md")
    parser.add_argument("--data", metavar="ROOT", help="the data set's folder, before the recipe's")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder of the run (required but for --overfit-one-batch); one that holds this "
        "recipe's run is taken up again",
    )
    parser.add_argument(
        "--max-minutes", type=float, metavar="M", help="stop cleanly then; the same command resumes"
    )
    parser.add_argument(
        "--save-seconds",
        type=float,
        default=RunOptions().save_seconds,
        metavar="S",
        help="how often the state is written (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    parser.add_argument("--steps", type=int, help="updates, instead of the recipe's length")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any key of the recipe by its path, such as model.encoder_weights=mit_b2.safetensors",
    )
    parser.add_argument("--threads", type=int, metavar="N", help="of the network, on a CPU")
    parser.add_argument("--cpu", action="store_true", help="train on the CPU though a GPU is there")
    parser.add_argument(
        "--accept-changes", action="store_true", help="resume although the recipe was changed"
    )
    parser.add_argument("--tensorboard", action="store_true", help="write TensorBoard's files too")
    parser.add_argument(
        "--overfit-one-batch",
        action="store_true",
        help=f"check that the loss falls on one batch ({OVERFIT_UPDATES} updates, or --steps)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write how the run ended")


def _run(options: argparse.Namespace) -> int:
    logging.getLogger("torch.distributed").setLevel(logging.ERROR)
    keep_freed_memory()
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    recipe = _overridden(read_recipe(options.recipe, options.set), options)
    training, validation = _open(recipe, options.recipe.parent, options.data)
    if options.overfit_one_batch:
        updates = options.steps if options.steps is not None else OVERFIT_UPDATES
        result = overfit_one_batch(recipe, training, updates, cpu=options.cpu)
        print(f"loss {result.first:.3f} to {result.last:.3f} on one batch in {updates} updates")
        return 0
    if options.output is None:
        raise ConfigurationError("no --output", "the run's folder", "give --output DIR")
    run_options = RunOptions(
        max_minutes=options.max_minutes,
        save_seconds=options.save_seconds,
        tensorboard=options.tensorboard,
        cpu=options.cpu,
        accept_changes=options.accept_changes,
    )
    outcome = train(recipe, training, validation, options.output, run_options)
    if options.json is not None:
        figures = {
            "update": outcome.update,
            "finished": outcome.finished,
            "best": outcome.best if outcome.best >= 0 else None,
        }
        write_json("--json", options.json, figures)
    if not outcome.finished:
        print(f"stopped after update {outcome.update}; the same command resumes", file=sys.stderr)
    return 0 if outcome.signal is None else _SIGNAL_EXIT + outcome.signal


def _overridden(recipe: Recipe, options: argparse.Namespace) -> Recipe:
    if options.seed is not None:
        recipe = replace(recipe, seed=options.seed)
    if options.steps is not None:
        recipe = replace(
            recipe, schedule=replace(recipe.schedule, epochs=None, steps=options.steps)
        )
    return recipe


def _open(
    recipe: Recipe, folder: Path, root: str | None
) -> tuple[SegmentationDataset, SegmentationDataset]:
    """Open both splits; a layout's file is looked for beside the recipe first."""
    data = recipe.data
    beside = folder / data.layout
    layout = beside if beside.is_file() else data.layout
    root = root if root is not None else data.root
    if root is None:
        raise ConfigurationError(
            "neither --data nor data.root", "the data set's folder", "give --data ROOT"
        )
    training, validation = (
        open_dataset(root, split, layout, data.modalities)
        for split in (data.train_split, data.validation_split)
    )
    return training, validation


COMMAND = Command(
    name="train",
    summary="Train a network by a recipe; a run that was broken off is taken up exactly.",
    add_arguments=_add_arguments,
    run=_run,
)
