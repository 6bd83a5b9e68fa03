"""``dataset.yaml``: what the files of a simulated data set mean and how they came about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from anyseg_core.errors import ConfigurationError
from anyseg_core.normalisation import DEFAULT_NORMALISATION
from anyseg_core.recording.encoding import ENCODINGS
from anyseg_core.recording.plan import FRAME_STEP_NS, FRAMES_PER_SEQUENCE, SPLITS
from anyseg_core.recording.tree import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from anyseg_core.recording.plan import DatasetPlan

FILE_NAME = "dataset.yaml"

GENERATOR_VERSION = 1
"""Rises whenever the same plan gives other bytes."""


def describe(plan: DatasetPlan) -> dict[str, Any]:
    """Return what ``dataset.yaml`` says of a plan, as plain data."""
    return {
        "format": 1,
        "layout": "deliver",
        "name": "simulated street",
        "synthetic": True,
        "classes": "deliver",
        "encodings": {name: encoding.as_yaml() for name, encoding in ENCODINGS.items()},
        "normalisation": {
            name: {"mean": list(statistics.mean), "std": list(statistics.std)}
            for name, statistics in DEFAULT_NORMALISATION.items()
        },
        "generator": {
            "version": GENERATOR_VERSION,
            "seed": plan.seed,
            "width": plan.width,
            "height": plan.height,
            "frames_per_sequence": FRAMES_PER_SEQUENCE,
            "frame_step_s": FRAME_STEP_NS / 1e9,
            "conditions": {split: list(plan.conditions_of(split)) for split in SPLITS},
            "street_seeds": (
                f"({plan.seed} * 1000000 + sequence) * 3 + split, split 0 for train, 1 for val, "
                "2 for test: no street is in two splits, whatever the seed"
            ),
        },
        "frames": {split: plan.frames.get(split, 0) for split in SPLITS},
    }


def describe_in(root: Path, plan: DatasetPlan) -> None:
    """Write ``dataset.yaml``, or add to the number of frames of one that is there.

    Raises:
        ConfigurationError: the folder holds something else, or a set made otherwise.
    """
    path, wanted = root / FILE_NAME, describe(plan)
    if path.is_file():
        there = _read(path)
        counts = there.pop("frames", {})
        if there != {key: value for key, value in wanted.items() if key != "frames"}:
            raise ConfigurationError(
                f"{root}, which holds another data set than the one asked for",
                "an empty folder, or one begun with the same options",
                "choose another folder, or give the options that its dataset.yaml tells",
            )
        wanted["frames"] = {
            split: max(int(counts.get(split, 0)), count)
            for split, count in wanted["frames"].items()
        }
    elif root.exists() and any(root.iterdir()):
        raise ConfigurationError(
            f"{root}, which is not empty", "an empty folder, or a simulated set", "choose another"
        )
    text = yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True)
    write_whole(path, text.encode())


def _read(path: Path) -> dict[str, Any]:
    try:
        there = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"{path}: {' '.join(str(error).split())}", "a readable YAML file", "repair it"
        ) from None
    return there if isinstance(there, dict) else {}
