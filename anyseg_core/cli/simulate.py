"""``anyseg simulate``: a data set, or a bag, of simulated streets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from anyseg_core.cli.command import Command
from anyseg_core.data import data_hash, open_dataset
from anyseg_core.errors import ConfigurationError
from anyseg_core.processes import usable_cores
from anyseg_core.recording import (
    SPLITS,
    STORAGES,
    DatasetPlan,
    missing_frames,
    write_bag,
    write_dataset,
)
from anyseg_core.simulation import CONDITIONS, HELD_OUT_CONDITIONS, RigConfig

if TYPE_CHECKING:
    import argparse

_SHARES = {"train": 0.78, "val": 0.07}
"""What of a number of frames without --split goes into these; the rest is for testing."""

_TICKS_PER_S = 10
_SIZE = 256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument(
        "--dataset", type=Path, metavar="DIR",
        help="write a data set in DELIVER's layout there, or continue one",
    )  # fmt: skip
    target.add_argument("--bag", type=Path, metavar="DIR", help="write a rosbag2 of one drive")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--conditions", "--condition", metavar="NAME[,NAME]",
        help=f"of {', '.join(CONDITIONS)}; in test and bags also {', '.join(HELD_OUT_CONDITIONS)} "
        "(default: all in turn; of a bag, which takes one: cloud)",
    )  # fmt: skip
    parser.add_argument(
        "--size", type=int, nargs=2, default=(_SIZE, _SIZE), metavar=("WIDTH", "HEIGHT"),
        help=f"of all images, in pixels (default: {_SIZE} {_SIZE})",
    )  # fmt: skip
    parser.add_argument(
        "--workers", type=int, default=usable_cores(), metavar="N",
        help="processes that render at the same time (default: one for each core)",
    )  # fmt: skip
    dataset = parser.add_argument_group("data set")
    dataset.add_argument(
        "--frames", default="100", metavar="N[,N,N]",
        help="frames of the split, or of train, val and test, or of all together "
        "(default: %(default)s)",
    )  # fmt: skip
    dataset.add_argument("--split", choices=SPLITS, help="write this split alone")
    bag = parser.add_argument_group("bag")
    bag.add_argument(
        "--seconds", type=float, default=10.0, metavar="S", help="default: %(default)s"
    )
    bag.add_argument(
        "--storage", choices=STORAGES, default=STORAGES[0], help="default: %(default)s"
    )


def run(options: argparse.Namespace) -> int:
    """Write what was asked for; see ``add_arguments``."""
    if options.workers < 1:
        raise ConfigurationError(f"--workers {options.workers}", "at least 1", "correct it")
    width, height = options.size
    conditions = tuple(options.conditions.split(",")) if options.conditions else ()
    if options.bag is not None:
        if len(conditions) > 1:
            raise ConfigurationError(
                f"--conditions {options.conditions}", "one condition for a bag", "choose one"
            )
        rig = RigConfig(
            seed=options.seed, width=width, height=height, condition=(*conditions, CONDITIONS[0])[0]
        )
        return _record(options.bag, rig, options)
    frames = split_frames(options.frames, options.split)
    plan = DatasetPlan(options.seed, frames, width, height, conditions)
    return _render(options.dataset, plan, options.workers)


def split_frames(text: str, split: str | None) -> dict[str, int]:
    """Return how many frames each split gets.

    Raises:
        ConfigurationError: the text is not one number, or three for all splits.
    """
    try:
        numbers = [int(word) for word in text.split(",")]
    except ValueError:
        numbers = []
    if split is not None and len(numbers) == 1:
        return {split: numbers[0]}
    if split is None and len(numbers) == len(SPLITS):
        return dict(zip(SPLITS, numbers, strict=True))
    if split is None and len(numbers) == 1:
        shares = {name: round(share * numbers[0]) for name, share in _SHARES.items()}
        return {**shares, "test": numbers[0] - sum(shares.values())}
    raise ConfigurationError(
        f"--frames {text}{f' --split {split}' if split else ''}",
        "one number, or three without --split",
        "write it like --frames 800,100,100",
    )


def _render(root: Path, plan: DatasetPlan, workers: int) -> int:
    # Each process keeps to one core; this must be in place before they start.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    total, missing = sum(plan.frames.values()), missing_frames(root, plan)
    with _progress() as progress:
        task = progress.add_task("frames", total=total, completed=total - missing)
        for done in write_dataset(root, plan, workers):
            progress.advance(task, done)
            if not progress.console.is_terminal:
                print(f"{int(progress.tasks[task].completed)} of {total} frames", flush=True)
    for split in (split for split, count in plan.frames.items() if count):
        dataset = open_dataset(root, split)
        print(f"{root}: {len(dataset)} frames in {split}, data hash {data_hash(dataset)}")
    return 0


def _record(folder: Path, rig: RigConfig, options: argparse.Namespace) -> int:
    seconds, storage, messages = options.seconds, options.storage, 0
    with _progress() as progress:
        task = progress.add_task("tenths of a second", total=int(seconds * _TICKS_PER_S))
        for messages in write_bag(folder, rig, seconds, storage, options.workers):  # noqa: B007 - the last counts
            progress.advance(task)
    print(f"{folder}: {messages} messages, street {rig.seed}, {rig.condition}")
    return 0


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(), console=Console(stderr=True),
        refresh_per_second=1, speed_estimate_period=300,
    )  # fmt: skip


COMMAND = Command("simulate", "render a data set or a bag of simulated streets", add_arguments, run)
